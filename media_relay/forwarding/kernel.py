"""Forwarding in the kernel: plain RTP never enters this process. Shell.

Every port is a port of the userspace forwarder first, with its bound socket. If its address is on an Ethernet
interface, ``relay.bpf.c`` is attached there and told about the port, and takes from what arrives all that it can deal
with. The rest comes to the socket as ever: RTCP, handshakes, what is odd, and everything while the kernel cannot help
(another address family on the other side, a peer on this machine, an interface that is gone). So a port moves in
mid-call by adding or removing one map entry: a packet either meets it or reaches the socket.

Needs CAP_BPF and CAP_NET_ADMIN, Linux 5.12 and libbpf 1. The kernel's packet filter (nft) does not see the packets that
are forwarded here.
"""

import asyncio
import errno
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import structlog

from media_relay.forwarding import MediaPort
from media_relay.forwarding.attachment import Attachment, attach_best
from media_relay.forwarding.kernel_entry import Entry, Maps
from media_relay.forwarding.libbpf import BpfError, Object
from media_relay.forwarding.network import Network
from media_relay.forwarding.userspace import UserspaceForwarder
from media_relay.latching import Learning

OBJECT: Final = Path(__file__).with_name("relay.bpf.o")
_PROGRAM: Final = "pinhole_relay"
_FOLLOW_S: Final = 0.1
"""A change of the network rarely comes alone."""
_PORTS_PER_TURN: Final = 256
_MAX_GAP: Final = 4
"""States further apart are not read together."""

log = structlog.get_logger("media_relay.forwarding")


class KernelUnavailableError(Exception):
    """Forwarding in the kernel is not possible here; the text says why."""


class KernelForwarder:
    """The engine that forwards in the kernel. Use it from its event loop's thread only."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        addresses: Iterable[str],
        capacity: int,
        *,
        object_path: Path = OBJECT,
        attach: Callable[[int, int], Attachment] = attach_best,
    ) -> None:
        """Attach to the interfaces of ``addresses``, for at most ``capacity`` ports. Raises KernelUnavailableError."""
        if not object_path.exists():
            raise KernelUnavailableError(f"{object_path.name} was not built with this package")
        self._loop = loop
        self._addresses = tuple(addresses)
        self._entries: dict[MediaPort, Entry] = {}
        try:
            self._network = Network()
            self._program = _Program(object_path, capacity, attach)
        except OSError as error:
            raise KernelUnavailableError(_explain(error)) from error
        try:
            self._program.attach_to(self._interfaces())
        except OSError as error:
            self._program.unload()
            raise KernelUnavailableError(_explain(error)) from error
        if not self._program.interfaces:
            self._program.unload()
            raise KernelUnavailableError(f"no Ethernet interface has any of {', '.join(self._addresses)}")
        self._userspace = UserspaceForwarder(loop)
        self._follows: asyncio.TimerHandle | None = None
        loop.add_reader(self._network.fileno(), self._note_change)

    def open(self, address: str, port: int) -> MediaPort:
        """Bind ``address:port``. Raises PortUnavailableError."""
        media_port = self._userspace.open(address, port)
        self._entries[media_port] = Entry(media_port, self._program.maps, self._network)
        return media_port

    def refresh(self, port: MediaPort) -> None:
        """Move the port to where it can be now, and tell the kernel what has changed."""
        self._userspace.refresh(port)
        entry = self._entries[port]
        if port.rtp_exit and self._fits_kernel(port, port.rtp_exit):
            entry.enter(self._entries[port.rtp_exit])
        else:
            entry.withdraw()

    def read(self, ports: Sequence[MediaPort]) -> None:
        """Bring the counters of many ports up to date, with few system calls."""
        active = {entry.slot: entry for port in ports if (entry := self._entries[port]).is_active}
        for first, count in _ranges(sorted(active)):
            for slot, state in enumerate(self._program.maps.states_of(first, count), start=first):
                if slot in active:
                    active[slot].absorb(state)

    def close(self, port: MediaPort) -> None:
        """Unbind."""
        self._entries.pop(port).withdraw()
        self._userspace.close(port)

    def shut_down(self) -> None:
        """Close every port, detach from the interfaces and leave the event loop."""
        if self._follows:
            self._follows.cancel()
        self._loop.remove_reader(self._network.fileno())
        for port in list(self._entries):
            self.close(port)
        self._userspace.shut_down()
        self._program.unload()
        self._network.close()

    def is_in_kernel(self, port: MediaPort) -> bool:
        """Where the port's RTP is forwarded now."""
        return self._entries[port].is_active

    def _fits_kernel(self, port: MediaPort, target: MediaPort) -> bool:
        """Whether RTP from this port's side can be forwarded by the program: it changes addresses and nothing else."""
        return (
            port.is_plain
            and port.latch.learning is Learning.IN_WINDOW
            and (":" in port.address) == (":" in target.address)
            and self._network.interfaces.get(port.address) in self._program.interfaces
        )

    def _interfaces(self) -> set[int]:
        """The Ethernet interfaces that have our addresses. Loopback is none: nothing is won there, and every packet of
        the machine would have to pass the program."""
        links, interfaces = self._network.links, self._network.interfaces
        found = {interfaces[address] for address in self._addresses if address in interfaces}
        return {ifindex for ifindex in found if links[ifindex].is_ethernet}

    def _note_change(self) -> None:
        self._network.drain()
        if self._follows is None:
            self._follows = self._loop.call_later(_FOLLOW_S, self._follow)

    def _follow(self) -> None:
        """Go after addresses that have moved, and find every next hop anew."""
        self._follows = None
        try:
            self._network.look()
            self._program.attach_to(self._interfaces())
        except OSError as error:
            log.warning("kernel-forwarding-impaired", reason=_explain(error))
        self._refresh_some(iter(list(self._entries)))

    def _refresh_some(self, ports: Iterator[MediaPort]) -> None:
        """Refresh some, and the next when media has had its turn."""
        some = list(islice(ports, _PORTS_PER_TURN))
        for port in some:
            if port in self._entries:
                self.refresh(port)
        if some:
            self._loop.call_soon(self._refresh_some, ports)


class _Program:
    """The loaded program and the interfaces that it is attached to."""

    def __init__(self, path: Path, capacity: int, attach: Callable[[int, int], Attachment]) -> None:
        """Raises BpfError."""
        self._attach = attach
        self._object = Object(path, {"streams": capacity, "states": capacity})
        self._attachments: dict[int, Attachment] = {}
        try:
            self.maps = Maps(self._object, capacity)
        except BpfError:
            self.unload()
            raise

    @property
    def interfaces(self) -> KeysView[int]:
        """Indices of the interfaces."""
        return self._attachments.keys()

    def attach_to(self, interfaces: set[int]) -> None:
        """Be attached to these and no others. Raises BpfError."""
        for ifindex in self._attachments.keys() - interfaces:
            self._attachments.pop(ifindex).detach()
        for ifindex in interfaces - self._attachments.keys():
            self._attachments[ifindex] = self._attach(self._object.program(_PROGRAM), ifindex)

    def unload(self) -> None:
        """Detach from all of them, and give the kernel's memory back."""
        while self._attachments:
            self._attachments.popitem()[1].detach()
        self._object.close()


def _ranges(slots: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First numbers and lengths of ranges that cover ``slots``, in rising order, without large gaps."""
    first = last = None
    for slot in slots:
        if last is not None and first is not None and slot - last > _MAX_GAP:
            yield first, last - first + 1
            first = None
        first, last = slot if first is None else first, slot
    if first is not None and last is not None:
        yield first, last - first + 1


def _explain(error: OSError) -> str:
    reason = str(error.args[1] if len(error.args) > 1 else error)
    if error.errno in (errno.EPERM, errno.EACCES):
        reason += " (needs CAP_BPF and CAP_NET_ADMIN)"
    return reason
