"""The socket to the relay: carries ng requests of the core and brings their replies. Shell."""

import asyncio
import socket
from collections.abc import Callable, Mapping

import structlog

from media_relay.ng.bencode import Decoded, Encodable
from media_relay.ng.client import NgClient

log = structlog.get_logger(__name__)

_RECEIVE_BUFFER = 4 * 1024 * 1024
_MAX_DATAGRAM = 65535
_DRAIN = 64
"""Replies read at one wake-up, so that a flood from the relay does not starve SIP."""

Replied = Callable[[int, "dict[str, Decoded] | None"], None]
"""Called with the operation and the relay's reply, None when there was none in time."""


class RelayLink:
    """One relay, at ``address`` (``host:port`` of its ng socket)."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, address: str, cookie_prefix: str, timeout_s: float, replied: Replied
    ) -> None:
        self._loop = loop
        self._address = _host_and_port(address)
        self._client = NgClient(cookie_prefix, timeout_s=timeout_s)
        self._replied = replied
        self._operations: dict[str, int] = {}
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._complained = False
        self.requests = 0
        self.timeouts = 0

    async def open(self) -> None:
        """Resolve the relay's address and open the socket. Raises OSError."""
        host, port = self._address
        infos = await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        family, kind, _, _, address = infos[0]
        link = socket.socket(family, kind)
        link.setblocking(False)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        link.connect(address)
        self._socket = link
        self._loop.add_reader(link.fileno(), self._readable)

    def close(self) -> None:
        """Forget what is under way."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def request(self, operation: int, command: Mapping[str, Encodable]) -> None:
        """Send one command; ``replied`` is called later, exactly once."""
        now = self._loop.time()
        self.requests += 1
        self._operations[self._client.request(command, now)] = operation
        self._flush(now)

    def _flush(self, now: float) -> None:
        for datagram in self._client.datagrams_to_send(now):
            self._send(datagram)
        deadline = self._client.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer.when()):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._due)

    def _send(self, datagram: bytes) -> None:
        try:
            if self._socket is not None:
                self._socket.send(datagram)
        except OSError as error:
            # The client sends again, and gives up in time; a relay that is down is worth one line, not thousands.
            if not self._complained:
                self._complained = True
                log.error("relay-unreachable", relay=":".join(map(str, self._address)), error=str(error))

    def _due(self) -> None:
        self._timer = None
        now = self._loop.time()
        for cookie in self._client.expired(now):
            self.timeouts += 1
            self._replied(self._operations.pop(cookie), None)
        self._flush(now)

    def _readable(self) -> None:
        assert self._socket is not None
        for _ in range(_DRAIN):
            try:
                datagram = self._socket.recv(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                # ICMP: nobody listens there. The request runs into its timeout.
                continue
            self._complained = False
            for cookie, reply in self._client.receive(datagram, self._loop.time()):
                self._replied(self._operations.pop(cookie), reply)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
