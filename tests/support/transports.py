"""Transports on loopback with a receiver that keeps what it is told, in a uvloop of their own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import uvloop

from b2bua.config import Listener
from b2bua.sip.errors import ParseError
from b2bua.sip.hop import Hop
from b2bua.transport import Resolver, TcpLimits, Transports

T = TypeVar("T")

MESSAGE = b"OPTIONS sip:x@y SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"


class Inbox:
    """A Receiver that keeps everything; ``until`` waits for it."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Hop]] = []
        self.malformed: list[tuple[ParseError, Hop]] = []
        self.errors: list[tuple[bytes, Hop]] = []
        self.wakeups = 0
        self.reply: Callable[[bytes, Hop], None] = lambda data, hop: None

    def on_message(self, data: bytes, source: Hop) -> None:
        self.messages.append((data, source))
        self.reply(data, source)

    def on_malformed(self, error: ParseError, source: Hop) -> None:
        self.malformed.append((error, source))

    def on_error(self, data: bytes, hop: Hop) -> None:
        self.errors.append((data, hop))

    def on_wakeup_end(self) -> None:
        self.wakeups += 1


async def until(condition: Callable[[], T], seconds: float = 5.0) -> T:
    """Let the loop run until ``condition`` gives something true; returns it."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):
            await asyncio.sleep(0.001)
        return found


def listener(transport: str, name: str, host: str = "127.0.0.1") -> Listener:
    return Listener(name, transport, host, 0, f"{name}.example", 5099)


@asynccontextmanager
async def running(
    *listeners: Listener, limits: TcpLimits | None = None, resolver: Resolver | None = None
) -> AsyncIterator[tuple[Transports, Inbox]]:
    """Open transports, close them at the end."""
    inbox = Inbox()
    transports = Transports(inbox, listeners, resolver, limits)
    await transports.open()
    try:
        yield transports, inbox
    finally:
        transports.close()


def on_uvloop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test."""

    def run() -> None:
        uvloop.run(test())

    run.__name__ = test.__name__
    return run
