"""Sends a copy of every SIP message to a capture server (``hep.server``). Shell.

Copies are sent once and by UDP: a server that is slow, away or full costs copies, never a call.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Final

import structlog

from b2bua.config import HepConfig, Listener
from b2bua.hep import HepEncoder, Place, packed
from b2bua.sip.hop import Hop

RETRY_S: Final = 30.0
"""Between attempts to find the server's address."""
_SEND_BUFFER: Final = 1 << 20

log = structlog.get_logger(__name__)


class HepMirror:
    """The transports' `Tap`. ``sent`` and ``dropped`` count copies."""

    def __init__(self, config: HepConfig, listeners: Sequence[Listener]) -> None:
        self._config = config
        self._encoder = HepEncoder(config.capture_id, config.node)
        self._ours = {listener.name: _place_of(listener) for listener in listeners}
        self._socket: socket.socket | None = None
        self._opening: asyncio.Task[None] | None = None
        self.sent = 0
        self.dropped = 0

    def start(self) -> None:
        """Begin to look for the server; copies are made once it is found."""
        self._opening = asyncio.get_running_loop().create_task(self._open())

    def close(self) -> None:
        """Stop."""
        if self._opening is not None:
            self._opening.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def received(self, data: bytes, source: Hop) -> None:
        """A message has come (`Tap`)."""
        self._copy(data, source.transport, Place(source.host, source.port), self._ours[source.listener])

    def departed(self, data: bytes, hop: Hop, listener: Listener) -> None:
        """A message is on its way (`Tap`)."""
        self._copy(data, hop.transport, self._ours[listener.name], Place(hop.host, hop.port))

    def _copy(self, data: bytes, transport: str, source: Place, target: Place) -> None:
        if self._socket is None:
            self.dropped += 1
            return
        try:
            self._socket.send(self._encoder.encode(data, transport, source, target, time.time()))
            self.sent += 1
        except (OSError, ValueError):
            self.dropped += 1

    async def _open(self) -> None:
        host, port = self._config.server
        while self._socket is None:
            try:
                infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
                self._socket = _connect(infos[0][0], infos[0][4])
            except OSError as error:
                log.error("hep-server-unknown", server=f"{host}:{port}", error=str(error))
                await asyncio.sleep(RETRY_S)


def _connect(family: int, address: tuple[object, ...]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        opened.connect(address)
    except OSError:
        opened.close()
        raise
    return opened


def _place_of(listener: Listener) -> Place:
    """Our end, as a person looks for it: the address that is bound, or what peers see where that is all of them."""
    for host, port in ((listener.host, listener.port), (listener.advertised_host, listener.advertised_port)):
        try:
            if any(packed(host)):
                return Place(host, port)
        except ValueError:
            pass  # peers may be told a name
    return Place(listener.host, listener.port)
