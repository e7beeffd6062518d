"""Transactions by key: the live ones, and for a while what answers the retransmissions of finished ones."""

from typing import Generic, TypeVar

from b2bua.sip.timers import TimerWheel

Key = tuple[str | int | None, ...]
"""What RFC 3261 17.1.3 and 17.2.3 compare; see ``matching``."""

T = TypeVar("T")

GENERATION_SHARE = 1 / 32
"""How much longer than asked an entry may be remembered: generations open and close for this part of a lifetime."""


class _Generation(Generic[T]):
    """Keys that are forgotten together: one wheel entry for all that finished within a second or so."""

    __slots__ = ("_entries", "closes_at", "keys")

    def __init__(self, entries: "dict[Key, T | bytes]", closes_at: float) -> None:
        self._entries = entries
        self.closes_at = closes_at
        self.keys: list[Key] = []

    def wake(self) -> None:
        """Forget them, except where a key lives again."""
        entries = self._entries
        for key in self.keys:
            if type(entries.get(key)) is bytes:
                del entries[key]


class TransactionTable(Generic[T]):
    """A live transaction, or the bytes that a finished one left, under each key."""

    __slots__ = ("_capacity", "_generations", "_wheel", "entries", "live")

    def __init__(self, wheel: TimerWheel, capacity: int) -> None:
        self._wheel = wheel
        self._capacity = capacity
        self._generations: dict[float, _Generation[T]] = {}
        self.entries: dict[Key, T | bytes] = {}
        self.live = 0

    def add(self, key: Key, transaction: T) -> None:
        """A transaction begins. A key that is live already is the caller's mistake."""
        self.entries[key] = transaction
        self.live += 1

    def get_live(self, key: Key) -> T | None:
        """The unfinished transaction of that key."""
        entry = self.entries.get(key)
        return None if isinstance(entry, bytes) else entry

    def forget(self, key: Key) -> None:
        """A live transaction ends and leaves nothing."""
        del self.entries[key]
        self.live -= 1

    def remember(self, key: Key, last: bytes, lifetime_s: float) -> None:
        """A live transaction ends; ``last`` answers its retransmissions for ``lifetime_s`` seconds.

        Beyond the table's capacity it is forgotten at once: a flood costs retransmissions, not memory.
        """
        if not lifetime_s or len(self.entries) > self._capacity:
            self.forget(key)
            return
        self.entries[key] = last
        self.live -= 1
        generation = self._generations.get(lifetime_s)
        if generation is None or self._wheel.now >= generation.closes_at:
            generation = self._open_generation(lifetime_s)
        generation.keys.append(key)

    def _open_generation(self, lifetime_s: float) -> _Generation[T]:
        open_s = lifetime_s * GENERATION_SHARE
        generation: _Generation[T] = _Generation(self.entries, self._wheel.now + open_s)
        self._generations[lifetime_s] = generation
        self._wheel.schedule(lifetime_s + open_s, generation)
        return generation
