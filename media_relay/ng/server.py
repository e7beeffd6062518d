"""The sockets of ng: UDP, and on the same port number TCP, which takes HTTP, too. Shell."""

import asyncio
import errno
import socket
from typing import Final

import structlog

from media_relay.ng.service import NgService
from media_relay.ng.stream import Connections

MAX_DATAGRAM: Final = 1 << 16
MAX_PER_WAKE: Final = 32
"""Requests served before media has its turn again; the rest are served at the next wake-up."""
RECEIVE_BUFFER: Final = 1 << 22
BACKLOG: Final = 64
_BIND_ATTEMPTS: Final = 8
"""Tries to find a port number that is free in both protocols, when any will do."""

log = structlog.get_logger("media_relay.ng")


class NgServer:
    """Serves ``service`` on ``host:port``; port 0 takes any. Raises OSError when the address cannot be bound."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, port: int, service: NgService) -> None:
        self._loop = loop
        self._service = service
        self._socket, self._listener = _bind_both(host, port)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._connections = Connections(loop, service)
        loop.add_reader(self._socket.fileno(), self._serve)
        loop.add_reader(self._listener.fileno(), self._accept)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are really bound."""
        name = self._socket.getsockname()
        return name[0], name[1]

    def close(self) -> None:
        """Stop serving."""
        for opened in (self._socket, self._listener):
            self._loop.remove_reader(opened.fileno())
            opened.close()
        self._connections.close()

    def _serve(self) -> None:
        for _ in range(MAX_PER_WAKE):
            try:
                datagram, source = self._socket.recvfrom(MAX_DATAGRAM)
            except OSError:  # empty, or an earlier reply was not wanted
                return
            reply = self._service.reply_to(datagram, source[0])
            if reply is None:
                continue
            try:
                self._socket.sendto(reply, source)
            except OSError as error:
                log.warning("ng-reply-unsent", client=f"{source[0]}:{source[1]}", error=error.strerror)

    def _accept(self) -> None:
        try:
            accepted, source = self._listener.accept()
        except OSError:  # gone again, or too many open files: the client tries again
            return
        self._connections.add(accepted, source[0])


def _bind_both(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(_BIND_ATTEMPTS):
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            datagrams.bind((host, port))
            listener.bind((host, datagrams.getsockname()[1]))
        except OSError as error:
            datagrams.close()
            listener.close()
            if port == 0 and error.errno == errno.EADDRINUSE and attempt + 1 < _BIND_ATTEMPTS:
                continue
            raise
        return datagrams, listener
    raise AssertionError("unreachable: the last attempt returns or raises")
