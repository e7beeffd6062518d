"""How often a value fell into which range: what a Prometheus histogram is made of, kept cheaply. Pure.

prometheus_client's own histogram takes a lock and asks every bucket for every value; this is one bisection.
"""

from bisect import bisect_left
from collections.abc import Sequence


class Distribution:
    """Counts of values by the ``bounds`` (ascending, inclusive) that they do not exceed, and their sum."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds as Prometheus writes them, each with the number of values up to it; the last is ``+Inf``."""
        names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        cumulated = []
        reached = 0
        for name, count in zip(names, self._counts, strict=True):
            reached += count
            cumulated.append((name, float(reached)))
        return cumulated
