"""ng over TCP and over HTTP, on one port. Shell; what a connection's bytes mean is in ``media_relay.ng.framing``.

A connection that sends nothing complete for a while is closed, and so is the oldest when there are too many: nobody can
keep others out by holding connections open.
"""

import asyncio
import socket
from typing import Final, cast

from media_relay.ng.framing import Framing
from media_relay.ng.service import NgService

MAX_CONNECTIONS: Final = 256
IDLE_S: Final = 300.0
"""Clients keep their connection open between calls."""


class Connections:
    """All connections of one ng server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, service: NgService) -> None:
        self._loop = loop
        self._service = service
        self._open: dict[_Connection, None] = {}  # the oldest first
        self._tasks: set[asyncio.Task[object]] = set()

    def add(self, accepted: socket.socket, host: str) -> None:
        """Serve a connection that was just accepted from ``host``."""
        accepted.setblocking(False)
        if len(self._open) >= MAX_CONNECTIONS:
            next(iter(self._open)).close()
        connection = _Connection(self._loop, self._service, host, self._open)
        self._open[connection] = None
        task = self._loop.create_task(self._loop.connect_accepted_socket(lambda: connection, accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """End them all."""
        for connection in list(self._open):
            connection.close()


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        service: NgService,
        host: str,
        siblings: "dict[_Connection, None]",
    ) -> None:
        self._loop = loop
        self._siblings = siblings
        self._framing = Framing(lambda message: service.reply_to(message, host), service.reply_to_plain)
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own, which inherits from none of asyncio's
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        replies = self._framing.receive(data)
        if replies:
            self._transport.write(replies)
            self._wait()
        if self._framing.is_finished:
            self._transport.close()

    def pause_writing(self) -> None:
        # A client that does not read its replies gets no more.
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._siblings.pop(self, None)
        if self._idle:
            self._idle.cancel()

    def close(self) -> None:
        """Hang up."""
        self._siblings.pop(self, None)
        if self._transport:
            self._transport.abort()

    def _wait(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = self._loop.call_later(IDLE_S, self.close)
