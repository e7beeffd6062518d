"""A relay between two phones in network namespaces of their own, with the kernel's forwarding engine.

::

    phone a  10.77.1.2 fd77:1::2 ──── 10.77.1.1 fd77:1::1  relay  10.77.2.1 fd77:2::1 ──── 10.77.2.2 fd77:2::2  phone b
"""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest
import uvloop

from media_relay.forwarding import MediaPort
from media_relay.forwarding.attachment import Attachment, attach_best
from media_relay.forwarding.kernel import KernelForwarder
from tests.media_relay.media import Phone
from tests.support.namespaces import Namespace, Namespaces
from tests.support.processes import free_port

Attach = Callable[[int, int], Attachment]

RELAY = {"a": ("10.77.1.1", "fd77:1::1"), "b": ("10.77.2.1", "fd77:2::1")}
PHONES = {"a": ("10.77.1.2", "fd77:1::2"), "b": ("10.77.2.2", "fd77:2::2")}
CAPACITY = 64


def require_kernel() -> None:
    """Skip the test where the kernel's part cannot be tested."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces and BPF")
    missing = [program for program in ("ip", "tc", "clang") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


class Net:
    """The namespaces; removed with ``close``."""

    def __init__(self) -> None:
        self._namespaces = Namespaces()
        self.relay = self._namespaces.add("relay")
        self.phones = {name: self._namespaces.add(name) for name in PHONES}
        self.interfaces = {}
        for name, namespace in self.phones.items():
            at_relay, at_phone = self._namespaces.join(
                self.relay, f"{RELAY[name][0]}/24", namespace, f"{PHONES[name][0]}/24"
            )
            self.relay.ip("address", "add", f"{RELAY[name][1]}/64", "dev", at_relay, "nodad")
            namespace.ip("address", "add", f"{PHONES[name][1]}/64", "dev", at_phone, "nodad")
            self.interfaces[name] = at_relay

    def phone(self, side: str, *, six: bool = False) -> Phone:
        """A phone in the namespace of ``a`` or ``b``."""
        with self.phones[side].entered():
            return Phone(PHONES[side][six])

    def links(self, namespace: Namespace) -> list[str]:
        """The names of the interfaces in a namespace."""
        return [link["ifname"] for link in json.loads(namespace.ip("-json", "link", "show"))]

    def close(self) -> None:
        """Remove them."""
        self._namespaces.close()


class Stage:
    """A forwarder in the relay's namespace, and a pair of wired ports between two phones."""

    def __init__(
        self, net: Net, loop: asyncio.AbstractEventLoop, object_path: Path, *, six: bool, attach: Attach
    ) -> None:
        self.net = net
        self.loop = loop
        addresses = [address for side in RELAY.values() for address in side]
        self.forwarder = KernelForwarder(loop, addresses, CAPACITY, object_path=object_path, attach=attach)
        self.a, self.b = net.phone("a", six=six), net.phone("b", six=six)
        self.facing_a, self.facing_b = self.open("a", self.a, six=six), self.open("b", self.b, six=six)
        self.facing_a.rtp_exit = self.facing_a.rtcp_exit = self.facing_b
        self.facing_b.rtp_exit = self.facing_b.rtcp_exit = self.facing_a
        self.refresh()

    def open(self, side: str, phone: Phone, *, six: bool = False) -> MediaPort:
        """A port that faces ``side`` and expects ``phone``."""
        address = RELAY[side][six]
        port = self.forwarder.open(address, free_port(address))
        self.expect(port, phone)
        return port

    def expect(self, port: MediaPort, phone: Phone, window_s: float = 60.0) -> None:
        """As with a new offer; ``refresh`` is to follow."""
        port.latch.expect((phone.host, phone.port), None, monotonic() + window_s)

    def refresh(self) -> None:
        """Hand the wired ports to the engine."""
        for port in (self.facing_a, self.facing_b):
            self.forwarder.refresh(port)

    def read(self) -> None:
        """Read the counters of the wired ports."""
        self.forwarder.read([self.facing_a, self.facing_b])

    async def learn(self) -> None:
        """Have both phones learned."""
        await self.learn_from(self.a, self.b)

    async def learn_from(self, a: Phone, b: Phone) -> None:
        """Have these two learned."""
        await self.cross(a, self.facing_a, b)
        await self.cross(b, self.facing_b, a)

    def is_stuck(self, receiver: Phone) -> bool:
        """Whether what phone a sends does not arrive, though the kernel would have had it there at once."""
        packet = self.a.send_rtp(self.facing_a.port, self.facing_a.address)
        time.sleep(0.01)
        return packet not in receiver.inbox

    async def cross(self, sender: Phone, entry: MediaPort, receiver: Phone) -> bytes:
        """Send one packet and see it arrive."""
        packet = sender.send_rtp(entry.port, entry.address)
        assert await asyncio.to_thread(receiver.receive) == packet
        return packet

    def close(self) -> None:
        """End the forwarder and the phones."""
        self.forwarder.shut_down()
        self.a.close()
        self.b.close()


Scenario = Callable[[Stage], Awaitable[None]]


def play(net: Net, object_path: Path, scenario: Scenario, *, six: bool = False, attach: Attach = attach_best) -> None:
    """Run a scenario inside the relay's namespace."""

    async def main() -> None:
        stage = Stage(net, asyncio.get_running_loop(), object_path, six=six, attach=attach)
        try:
            await scenario(stage)
        finally:
            stage.close()

    with net.relay.entered():
        uvloop.run(main())
