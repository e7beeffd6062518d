"""A media port's entry in the maps of ``relay.bpf.c``: made, kept up to date, read and removed. Shell."""

import errno
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

import structlog

from media_relay.forwarding import MediaPort
from media_relay.forwarding.libbpf import BpfError, Object
from media_relay.forwarding.network import Network
from media_relay.forwarding.records import (
    ENDPOINT_SIZE,
    NS_PER_S,
    SLOT_SIZE,
    STATE_SIZE,
    STREAM_SIZE,
    Exit,
    State,
    Stream,
    pack_endpoint,
    pack_slot,
)
from media_relay.forwarding.tracked import TrackedLatch, TrackedReception

_NO_STATE: Final = State()
_OUTSIDE: Final = -1

log = structlog.get_logger("media_relay.forwarding")


class Maps:
    """Both maps, and which of the ``capacity`` states are free."""

    def __init__(self, loaded: Object, capacity: int) -> None:
        """Raises BpfError when the object was built from another version of the source."""
        self.streams, self.states = loaded.map("streams"), loaded.map("states")
        sizes = (self.streams.key_size, self.streams.value_size, self.states.key_size, self.states.value_size)
        if sizes != (ENDPOINT_SIZE, STREAM_SIZE, SLOT_SIZE, STATE_SIZE):
            raise BpfError(errno.EINVAL, "the program was built from another version of its source")
        self._capacity = capacity
        self._used = 0
        self._free: list[int] = []

    def take_slot(self) -> int:
        """The lowest free state, so that those in use lie close together. Raises BpfError when all are taken."""
        if self._free:
            return heappop(self._free)
        if self._used == self._capacity:
            raise BpfError(errno.ENOSPC, f"all of {self._capacity} entries are taken")
        self._used += 1
        return self._used - 1

    def free_slot(self, slot: int) -> None:
        """Give a state back."""
        heappush(self._free, slot)

    def states_of(self, first: int, count: int) -> Iterator[State]:
        """A range of states, in one system call."""
        data = self.states.lookup_range(first, count)
        return (State.from_bytes(data[at : at + STATE_SIZE]) for at in range(0, count * STATE_SIZE, STATE_SIZE))


class Entry:
    """What the kernel knows of one port; ``slot`` is the number of its state, -1 while it knows nothing."""

    __slots__ = (
        "_entrances",
        "_exit",
        "_key",
        "_latch",
        "_maps",
        "_network",
        "_port",
        "_pushed",
        "_reception",
        "_seen",
        "slot",
    )

    def __init__(self, port: MediaPort, maps: Maps, network: Network) -> None:
        self._port = port
        self.slot = _OUTSIDE
        self._maps = maps
        self._network = network
        self._key = pack_endpoint((port.address, port.port))
        self._pushed = b""
        self._seen = _NO_STATE
        self._exit: Entry | None = None
        self._entrances: set[Entry] = set()
        """Whose packets leave here: they are told where these go."""
        port.latch = self._latch = TrackedLatch(self)
        port.reception = self._reception = TrackedReception()

    @property
    def is_active(self) -> bool:
        """Whether the port's packets are handled in the kernel."""
        return self.slot != _OUTSIDE

    def enter(self, way_out: "Entry") -> None:
        """Have the kernel handle the port's packets, or tell it what has changed. It may refuse: that is logged.

        They go on to ``way_out`` as soon as that one has entered, too.
        """
        if self._exit is not way_out:
            self._leave_exit()
            self._exit = way_out
            way_out._entrances.add(self)
        if self.is_active:
            self.push()
            return
        try:
            self.slot = self._maps.take_slot()
            self._maps.states.update(pack_slot(self.slot), self._reception.hand_over().to_bytes())
        except BpfError as error:
            self._give_up(error)
        else:
            self._seen = _NO_STATE
            self.push()

    def withdraw(self) -> None:
        """Have the packets come to the port's socket again; nothing happens if they do."""
        self._leave_exit()
        if not self.is_active:
            return
        self._maps.streams.delete(self._key)
        self._absorb(self._read())
        self._reception.take_back()
        self._maps.free_slot(self.slot)
        self.slot, self._pushed = _OUTSIDE, b""
        self._push_entrances()

    def push(self) -> None:
        """Tell the kernel what has changed here, if anything has."""
        self._push_own()
        self._push_entrances()

    def _push_entrances(self) -> None:
        for entrance in list(self._entrances):
            if entrance.is_active:
                entrance._push_own()

    def _leave_exit(self) -> None:
        if self._exit:
            self._exit._entrances.discard(self)
            self._exit = None

    def _push_own(self) -> None:
        stream = self._describe().to_bytes()
        if stream == self._pushed:
            return
        try:
            self._maps.streams.update(self._key, stream)
        except BpfError as error:
            self._give_up(error)
        else:
            self._pushed = stream

    def pull(self) -> None:
        """Take over what has happened in the kernel."""
        self.absorb(self._read())

    def absorb(self, state: State) -> None:
        """Take over what was read; a new destination may have another next hop."""
        before = self._latch.destination
        self._absorb(state)
        if self._latch.destination is not before:
            self.push()

    def _absorb(self, state: State) -> None:
        port, seen = self._port, self._seen
        port.packets += state.packets - seen.packets
        port.octets += state.octets - seen.octets
        port.refused += state.refused - seen.refused
        port.unsent += state.unsent - seen.unsent
        port.last_seen = max(port.last_seen, state.last_seen_ns / NS_PER_S)
        self._seen = state
        self._latch.absorb(state)
        self._reception.absorb(state)

    def _read(self) -> State:
        return State.from_bytes(self._maps.states.lookup(pack_slot(self.slot)))

    def _describe(self) -> Stream:
        latch = self._latch
        return Stream(
            slot=self.slot,
            generation=latch.generation,
            clock_rate=self._reception.rate,
            exit=self._exit.as_exit() if self._exit and self._exit.is_active else None,
            source=latch.source,
            destination=latch.destination,
            signalled=latch.signalled,
            hint=latch.hint,
            trust=latch.trust,
            open_until=latch.open_until,
        )

    def as_exit(self) -> Exit:
        """What those are told whose packets leave here."""
        port, latch = self._port, self._latch
        destination = latch.destination
        return Exit(
            address=(port.address, port.port),
            slot=self.slot,
            generation=latch.generation,
            destination=destination,
            next_hop=self._network.next_hop(port.address, destination[0]) if destination else None,
        )

    def _give_up(self, error: BpfError) -> None:
        log.warning("port-not-in-kernel", port=f"{self._port.address}:{self._port.port}", reason=str(error))
        self.withdraw()
