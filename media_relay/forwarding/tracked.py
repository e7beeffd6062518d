"""Latch and reception of a port whose packets may be handled elsewhere. Pure.

While a port is in the kernel, the program there learns, refuses and counts by the rules of ``Latch`` and
``Reception``. These two hand over to it, take back, and in between bring together what it has seen and what came to the
socket.
"""

from typing import Protocol

from media_relay.forwarding.records import State, unpack_endpoint
from media_relay.latching import Latch, SocketAddress, Trust
from media_relay.quality import Reception

_U32 = 0xFFFFFFFF
_NS_PER_S = 1_000_000_000
_JITTER_UNITS = 16


class Elsewhere(Protocol):
    """Where a port's packets are handled when they are not handled here."""

    @property
    def is_active(self) -> bool:
        """Whether they are."""

    def pull(self) -> None:
        """Take over what has been learned and counted there."""

    def push(self) -> None:
        """Tell it what has been learned here."""


class TrackedLatch(Latch):
    """A latch with a double elsewhere. ``generation`` counts offers, answers, and what was learned here."""

    __slots__ = ("_elsewhere", "generation")

    def __init__(self, elsewhere: Elsewhere) -> None:
        super().__init__()
        self._elsewhere = elsewhere
        self.generation = 1

    @property
    def hint(self) -> str | None:
        """The host that its signalling came from."""
        return self._hint

    @property
    def open_until(self) -> float:
        """The end of the window, on the engine's clock."""
        return self._open_until

    @property
    def trust(self) -> Trust:
        """How well the source fits."""
        return self._trust

    def expect(self, signalled: SocketAddress | None, hint: str | None, open_until: float) -> None:
        """As in Latch; the engine hears of it with the next ``refresh``."""
        if self._elsewhere.is_active:
            self._elsewhere.pull()
        super().expect(signalled, hint, open_until)
        self.generation += 1

    def admit(self, source: SocketAddress, now: float) -> bool:
        """As in Latch, after asking elsewhere: this may be the very packet that was learned from there."""
        if not self._elsewhere.is_active:
            return super().admit(source, now)
        self._elsewhere.pull()
        if self.source is not None and self.source[:2] == source[:2]:
            self._adopt(source, source if self.destination == self.source else self.destination)
            return True
        if not super().admit(source, now):
            return False
        self.generation += 1
        self._elsewhere.push()
        return True

    def absorb(self, state: State) -> None:
        """Take over what was learned elsewhere, if that was in this generation."""
        if state.generation != self.generation & _U32:
            return
        self._trust = Trust(state.trust)
        source, destination = unpack_endpoint(state.source), unpack_endpoint(state.destination)
        # An equal address stays the same object: the path of plain RTP compares by identity.
        if _differ(source, self.source) or _differ(destination, self.destination):
            self._adopt(source, source if source == destination else destination)

    def _adopt(self, source: SocketAddress | None, destination: SocketAddress | None) -> None:
        self.source, self.destination = source, destination


class TrackedReception(Reception):
    """A reception that continues one from elsewhere, and counts what is received beside that."""

    __slots__ = ("_beside", "_is_elsewhere")

    def __init__(self) -> None:
        super().__init__()
        self._is_elsewhere = False
        self._beside = 0

    def count(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """As in Reception; it stands until more is known from elsewhere, where nothing may arrive at all."""
        super().count(sequence, timestamp, ssrc, now)
        self._beside += self._is_elsewhere

    def hand_over(self) -> State:
        """The state to go on with elsewhere."""
        self._is_elsewhere = True
        self._beside = 0
        if self._ssrc < 0:
            return State()
        return State(
            has_ssrc=1,
            ssrc=self._ssrc,
            base=self._base & _U32,
            highest=self._highest & _U32,
            received=self._received,
            lost_before=self._lost_before,
            timestamp=self._timestamp,
            transit=int(self._transit) & _U32,
            jitter_16ths=int(self._jitter * _JITTER_UNITS),
        )

    def absorb(self, state: State) -> None:
        """Bring both together: what was received here is not lost, though it was missed there."""
        if not state.packets:
            return
        is_same = (state.ssrc, state.base) == (self._ssrc, self._base)
        highest = max(state.highest, self._highest) if is_same else state.highest
        missed = highest - state.base + 1 - state.received
        found = min(self._beside, max(missed, 0))
        self._ssrc = state.ssrc
        self._base, self._highest = state.base, highest
        self._received = state.received + found
        self._lost_before = max(0, state.lost_before - (self._beside - found))
        self._timestamp = state.timestamp
        self._transit = state.last_seen_ns / _NS_PER_S * self.rate - state.timestamp
        self._jitter = state.jitter_16ths / _JITTER_UNITS

    def take_back(self) -> None:
        """Go on here."""
        self._is_elsewhere = False


def _differ(a: SocketAddress | None, b: SocketAddress | None) -> bool:
    return (a and a[:2]) != (b and b[:2])
