"""Port pairs for RTP and RTCP of one local address. Pure.

A pair is an even RTP port and the odd one above it (RFC 3550 11). A released pair rests for a while before it is
used again, so that late packets of an ended call do not reach a new one.
"""

from collections import deque
from collections.abc import Callable


class PortsExhaustedError(Exception):
    """Every pair is in use or resting."""


class PortPool:
    """Pairs from ``first`` to ``last``, both inclusive; ``quarantine_s`` is how long a released one rests.

    ``shuffle`` may mix the order in which pairs are given out (in place): ports that cannot be guessed are harder to
    hijack, and a restarted relay does not begin with those it used last.
    """

    def __init__(
        self, first: int, last: int, quarantine_s: float, shuffle: Callable[[list[int]], None] | None = None
    ) -> None:
        pairs = list(range(first + first % 2, last, 2))
        if shuffle is not None:
            shuffle(pairs)
        self.first, self.last = first, last
        self.total = len(pairs)
        self._quarantine_s = quarantine_s
        self._free = deque(pairs)
        self._resting: deque[tuple[float, int]] = deque()
        self._in_use: set[int] = set()
        self._taken: set[int] = set()  # still listed as free

    @property
    def used(self) -> int:
        """How many pairs are in use; the resting ones do not count."""
        return len(self._in_use)

    def allocate(self, now: float) -> int:
        """The RTP port of a pair that rests no longer. Raises PortsExhaustedError."""
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        while self._free:
            port = self._free.popleft()
            if port in self._taken:
                self._taken.remove(port)
                continue
            self._in_use.add(port)
            return port
        raise PortsExhaustedError(f"none of {self.total} port pairs is free")

    def take(self, port: int) -> None:
        """Use this very pair, as before a restart: nothing may have been released yet. Raises PortsExhaustedError."""
        if port % 2 or not self.first <= port < self.last or port in self._in_use:
            raise PortsExhaustedError(f"{port} is no pair that is free")
        self._taken.add(port)
        self._in_use.add(port)

    def release(self, port: int, now: float) -> None:
        """Let a pair rest. Raises KeyError when it is not in use: nothing may be released twice."""
        self._in_use.remove(port)
        self._resting.append((now + self._quarantine_s, port))
