"""The order in which the hosts of a service are tried (RFC 2782). Pure, but for the random numbers it is handed."""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple


class SrvRecord(NamedTuple):
    """One SRV record; ``target`` without the dot at its end."""

    priority: int
    weight: int
    port: int
    target: str


def in_order(records: Iterable[SrvRecord], random: Callable[[], float]) -> list[SrvRecord]:
    """Lowest priority first; within one priority at random, by weight. ``random`` gives numbers in [0, 1)."""
    ordered: list[SrvRecord] = []
    for _, group in groupby(sorted(records), key=lambda record: record.priority):
        # A weight of 0 shall have a very small chance, not none.
        keyed = [(random() ** (1 / (record.weight or 0.01)), record) for record in group]
        ordered += [record for _, record in sorted(keyed, key=lambda pair: -pair[0])]
    return ordered
