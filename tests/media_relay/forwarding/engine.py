"""The userspace engine between two phones on loopback."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import uvloop

from media_relay.forwarding import MediaPort
from media_relay.forwarding.userspace import UserspaceForwarder
from tests.media_relay.media import Phone
from tests.support.processes import free_port


class Engine:
    """A forwarder with a pair of wired ports between two phones."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.forwarder = UserspaceForwarder(loop)
        self.a, self.b = Phone(), Phone()
        self.facing_a, self.facing_b = self.open(self.a), self.open(self.b)
        self.facing_a.rtp_exit = self.facing_a.rtcp_exit = self.facing_b
        self.facing_b.rtp_exit = self.facing_b.rtcp_exit = self.facing_a
        self.refresh()

    def refresh(self) -> None:
        self.forwarder.refresh(self.facing_a)
        self.forwarder.refresh(self.facing_b)

    def open(self, phone: Phone) -> MediaPort:
        port = self.forwarder.open(phone.host, free_port(phone.host))
        port.latch.expect((phone.host, phone.port), None, monotonic() + 60)
        return port

    def close(self) -> None:
        self.forwarder.shut_down()
        self.a.close()
        self.b.close()


def run(scenario: Callable[[Engine], Awaitable[None]]) -> None:
    async def main() -> None:
        engine = Engine(asyncio.get_running_loop())
        try:
            await scenario(engine)
        finally:
            engine.close()

    uvloop.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@contextmanager
def expected(port: MediaPort, **counts: int) -> Iterator[None]:
    """Within the block the counters rise by these numbers and by no other."""
    names = ("packets", "refused", "malformed", "unsent")
    before = {name: getattr(port, name) for name in names}
    yield
    assert {name: getattr(port, name) - before[name] for name in names} == {**dict.fromkeys(names, 0), **counts}
