"""Pinhole as a system under test: its B2BUA as it is deployed, journal and all."""

from collections.abc import Sequence
from pathlib import Path

from bench.peers import Running
from bench.report import UnavailableError


def start_pinhole(directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """`pinhole b2bua`."""
    raise UnavailableError("not yet")
