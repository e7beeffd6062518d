"""The base values of every timer (RFC 3261 17.1.1.1), and how much may be held at once."""

from dataclasses import dataclass

from b2bua.sip.hop import Hop


@dataclass(frozen=True, slots=True)
class TimerSettings:
    """Seconds, and bounds on what a flood can make us hold.

    ``t1`` estimates the round trip, ``t2`` is the longest pause between retransmissions, ``t4`` how long a
    message may stay in the network. Above ``max_live`` unfinished server transactions new requests are answered 503
    (inside a dialog: above twice as many); above ``max_remembered`` entries a table forgets finished ones at once.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    max_live: int = 50_000
    max_remembered: int = 400_000

    @property
    def timeout(self) -> float:
        """64*T1: timers B, F, H, J, L and M, and the least of D."""
        return 64 * self.t1

    def first_pause(self, hop: Hop) -> float:
        """Timers A, E and G; a reliable transport has nothing to retransmit and is only looked after."""
        return self.t2 if hop.is_reliable else self.t1

    def remembered(self, hop: Hop) -> float:
        """Timers D and J: how long the peer may retransmit after the end."""
        return 0.0 if hop.is_reliable else self.timeout

    def quiet_down(self, hop: Hop) -> float:
        """Timers I and K: how long what is already in the network may still arrive."""
        return 0.0 if hop.is_reliable else self.t4
