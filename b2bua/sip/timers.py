"""Timers for a hundred thousand transactions without a clock of their own.

A wheel has one slot for each 1/64 s in which something is due, and only for those: a dict from tick to slot and a heap
of the ticks. Starting and cancelling cost O(1) (the heap is touched once for a slot, not for a timer), and an idle
wheel costs nothing. Nothing fires early; everything fires at most one tick late.

The wheel never reads the clock: the shell calls ``advance(now)`` with monotonic seconds.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

TICKS_PER_SECOND = 64
"""A power of two, so that a tick is an exact float and ``advance(next_deadline())`` always fires."""


class Wakeable(Protocol):
    """What a slot holds. It decides for itself, when woken, whether there is still something to do."""

    def wake(self) -> None:
        """Do what is due. The time is the wheel's ``now``."""


Slot = dict[Wakeable, None]
"""What is due within one tick, in the order in which it was started."""


class Timer:
    """A started timer: fires once unless it is cancelled before."""

    __slots__ = ("_fire", "_slot")

    def __init__(self, fire: Callable[[], None], slot: Slot) -> None:
        self._fire: Callable[[], None] | None = fire
        self._slot = slot

    def cancel(self) -> None:
        """Make sure that it does not fire, and free what it refers to. Harmless when it has fired already."""
        self._fire = None
        self._slot.pop(self, None)

    def wake(self) -> None:
        """Fire, once."""
        fire = self._fire
        self._fire = None
        if fire is not None:
            fire()


class TimerWheel:
    """Fires what was started, in the order in which it is due; within one tick in the order in which it was started."""

    __slots__ = ("_slots", "_ticks", "now")

    def __init__(self, now: float) -> None:
        self.now = now
        """Monotonic seconds, as told last. Delays count from here."""
        self._slots: dict[int, Slot] = {}
        self._ticks: list[int] = []

    def start(self, delay_s: float, fire: Callable[[], None]) -> Timer:
        """Call ``fire`` after ``delay_s`` seconds."""
        slot = self._slot_after(delay_s)
        timer = Timer(fire, slot)
        slot[timer] = None
        return timer

    def schedule(self, delay_s: float, target: Wakeable) -> None:
        """Wake ``target`` after ``delay_s`` seconds; it cannot be called off, so keep the delay short.

        The cheapest form: nothing is allocated for it. Twice within one tick is once.
        """
        self._slot_after(delay_s)[target] = None

    def advance(self, now: float) -> None:
        """It is ``now``: fire everything that is due. What is started meanwhile waits for the next call."""
        self.now = now
        current = int(now * TICKS_PER_SECOND)
        while self._ticks and self._ticks[0] <= current:
            tick = heappop(self._ticks)
            due = iter(list(self._slots.pop(tick)))
            try:
                for target in due:
                    target.wake()
            finally:
                self._put_back(tick, dict.fromkeys(due))

    def next_deadline(self) -> float | None:
        """When ``advance`` is needed next, in the wheel's seconds; None while nothing is started."""
        while self._ticks:
            tick = self._ticks[0]
            if self._slots[tick]:
                return tick / TICKS_PER_SECOND
            del self._slots[heappop(self._ticks)]
        return None

    def _put_back(self, tick: int, rest: Slot) -> None:
        """Keep what an exception in ``wake`` has left over: one caller's mistake must not stop the others' timers."""
        if rest:
            self._slots[tick] = rest
            heappush(self._ticks, tick)

    def _slot_after(self, delay_s: float) -> Slot:
        tick = int((self.now + delay_s) * TICKS_PER_SECOND) + 1
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
            heappush(self._ticks, tick)
        return slot
