"""The relays under test and the little network that they stand in."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.accounting import cores, most_files, pinned
from bench.peers import require, started
from bench.report import UnavailableError
from media_relay.forwarding import build_bpf
from media_relay.forwarding.kernel import OBJECT
from tests.support.namespaces import Namespaces
from tests.support.ng import NgPeer, audio_port, audio_sdp
from tests.support.pinhole import Pinhole
from tests.support.redis_server import RedisServer
from tests.support.rtpengine import Rtpengine

GENERATOR_ADDRESS = "10.77.1.2"
SINK_ADDRESS = "10.77.2.2"
RELAY_ADDRESSES = {"outside": "10.77.1.1", "inside": "10.77.2.1"}
"""The relay's interfaces: the generator is outside, the sink inside."""

_RTPENGINE_NG_PORT = 2223
_RTPENGINE_PORTS = range(24_000, 40_000)
_PINHOLE_PORTS = {"userspace": range(40_000, 52_000), "kernel": range(52_000, 64_000)}
_LONG_S = 3600
"""A relay must not give a call up because the other relay has its turn."""


class Network:
    """Generator, relay and sink namespaces in a row, and a cable past the relay, on which the generator reaches
    ``SINK_ADDRESS``. ``UnavailableError`` without root."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise UnavailableError("needs root, for network namespaces")
        require("ip")
        self._namespaces = Namespaces()
        self.generator = self._namespaces.add("gen")
        self.relay = self._namespaces.add("relay")
        self.sink = self._namespaces.add("sink")
        join = self._namespaces.join
        join(self.generator, f"{GENERATOR_ADDRESS}/24", self.relay, f"{RELAY_ADDRESSES['outside']}/24")
        join(self.relay, f"{RELAY_ADDRESSES['inside']}/24", self.sink, f"{SINK_ADDRESS}/24")
        join(self.generator, "10.77.3.1/24", self.sink, "10.77.3.2/24")
        self.generator.ip("route", "add", SINK_ADDRESS, "via", "10.77.3.2")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._namespaces.close()


@dataclass(slots=True)
class Relay:
    """A started relay. ``targets`` are where the generator sends each stream.

    ``is_in_kernel``: it forwards in the interrupts of whoever sends to it, not in a process of its own.
    """

    name: str
    pid: int
    ng: NgPeer
    is_in_kernel: bool = False
    targets: list[tuple[str, int]] = field(default_factory=list)

    def add_calls(self, streams: int, generator_first_port: int, sink_first_port: int) -> None:
        """Set up calls until there are ``streams`` streams, one a call."""
        for number in range(len(self.targets), streams):
            common = {"call-id": f"bench-{number}", "from-tag": "a", "replace": ["origin"], "ICE": "remove"}
            offer = audio_sdp(GENERATOR_ADDRESS, generator_first_port + 2 * number)
            self.ng.request(command="offer", sdp=offer, direction=["outside", "inside"], **common)
            answer = audio_sdp(SINK_ADDRESS, sink_first_port + 2 * number)
            reply = self.ng.request(command="answer", sdp=answer, to_tag="b", direction=["inside", "outside"], **common)
            self.targets.append((RELAY_ADDRESSES["outside"], audio_port(reply["sdp"])))


def start_relays(
    stack: ExitStack, directory: Path, network: Network, progress: Callable[[str], None]
) -> tuple[Mapping[str, Relay], Mapping[str, str]]:
    """Start every relay, to be ended with ``stack``; those that run, and why the others do not."""
    relays: dict[str, Relay] = {}
    errors: dict[str, str] = {}
    for name, start in _STARTS.items():
        progress(f"starting {name}")
        try:
            relays[name] = start(stack, directory / name, network)
        except UnavailableError as missing:
            errors[name] = str(missing)
    return relays, errors


def _start_rtpengine(stack: ExitStack, directory: Path, network: Network) -> Relay:
    require("rtpengine")
    prefix = (*network.relay.prefix, *pinned(cores()[1]), *most_files())
    daemon = Rtpengine(directory, RELAY_ADDRESSES, ng_port=_RTPENGINE_NG_PORT, ports=_RTPENGINE_PORTS, prefix=prefix)
    started(daemon.process, daemon.start)
    stack.callback(daemon.process.stop)
    return Relay("rtpengine", daemon.process.pid, _ng_peer(stack, network, _RTPENGINE_NG_PORT))


def _start_pinhole_in_kernel(stack: ExitStack, directory: Path, network: Network) -> Relay:
    try:
        build_bpf.build(OBJECT.parent)
    except build_bpf.BuildError as error:
        raise UnavailableError(f"the program for the kernel cannot be built: {error}") from error
    return _start_pinhole(stack, directory, network, "kernel")


def _start_pinhole_in_userspace(stack: ExitStack, directory: Path, network: Network) -> Relay:
    return _start_pinhole(stack, directory, network, "userspace")


def _start_pinhole(stack: ExitStack, directory: Path, network: Network, forwarding: str) -> Relay:
    load_cpu, system_cpu = cores()
    redis = RedisServer(directory, prefix=(*network.relay.prefix, *pinned(load_cpu)))
    stack.callback(redis.stop)
    started(redis.process, redis.start)
    prefix = (*network.relay.prefix, *pinned(system_cpu), *most_files())
    interfaces = [{"name": name, "address": address} for name, address in RELAY_ADDRESSES.items()]
    ports = _PINHOLE_PORTS[forwarding]
    settings = {
        "relay": {
            "interfaces": interfaces,
            "ports": f"{ports.start}-{ports.stop - 1}",
            "media_timeout": _LONG_S,
            "forwarding": forwarding,
        }
    }
    relay = Pinhole(directory, command="relay", redis_url=redis.url, settings=settings, prefix=prefix)
    stack.callback(relay.stop)
    started(relay.process, relay.start)
    ng = _ng_peer(stack, network, relay.ng_port)
    return Relay(f"pinhole-{forwarding}", relay.process.pid, ng, is_in_kernel=forwarding == "kernel")


def _ng_peer(stack: ExitStack, network: Network, port: int) -> NgPeer:
    with network.relay.entered():
        peer = NgPeer(("127.0.0.1", port))
    stack.callback(peer.close)
    return peer


_STARTS = {
    "pinhole-kernel": _start_pinhole_in_kernel,
    "pinhole-userspace": _start_pinhole_in_userspace,
    "rtpengine": _start_rtpengine,
}
RELAY_NAMES = tuple(_STARTS)
