"""Rounds in, one report out: medians for each system, ratios between them, as JSON or as a table."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

Report = dict[str, Any]
"""What is printed as JSON; its shape is the command's public contract."""


class BenchError(Exception):
    """The benchmark itself went wrong: there is no figure to report."""


class UnavailableError(BenchError):
    """A system could not take part; the message is the reason that the report gives."""


@dataclass(frozen=True, slots=True)
class Round:
    """One system's figures of one round.

    ``cpu`` is milliseconds a call or nanoseconds a packet, ``rate`` is calls or packets a second that came through,
    ``failed`` counts those that did not, ``p99_ms`` is the 99th percentile of the answer or transit time.
    """

    cpu: float
    rate: float
    failed: int
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Results:
    """The rounds of each system that ran, and why the others did not."""

    rounds: Mapping[str, Sequence[Round]]
    errors: Mapping[str, str]


def assemble(results: Results, cpu_field: str, ours: Sequence[str]) -> Report:
    """The report: medians of the rounds (failures are summed) and the ratio of ``ours`` to each peer's CPU."""
    systems: dict[str, dict[str, Any]] = {name: {"error": reason} for name, reason in results.errors.items()}
    for name, rounds in results.rounds.items():
        systems[name] = {
            cpu_field: _rounded(statistics.median(each.cpu for each in rounds)),
            "rate": _rounded(statistics.median(each.rate for each in rounds)),
            "failed": sum(each.failed for each in rounds),
            "p99_ms": _rounded(statistics.median(each.p99_ms for each in rounds)),
        }
    ratios = {
        f"{name}/{peer}": _rounded(systems[name][cpu_field] / systems[peer][cpu_field])
        for name in ours
        for peer in systems
        if peer not in ours and cpu_field in systems[name] and cpu_field in systems[peer]
    }
    return {"systems": systems, "ratios": ratios, "rounds": max(map(len, results.rounds.values()), default=0)}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the sorted values lie; 0 for none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def print_report(title: str, report: Report, *, as_json: bool) -> None:
    """Write the report to standard output."""
    if as_json:
        print(json.dumps(report))
        return
    console = Console()
    console.print(_table(title, report))
    for streams, other in report.get("by_streams", {}).items():
        console.print(_table(f"{title}, {streams} streams", other))


def _table(title: str, report: Report) -> Table:
    systems: dict[str, dict[str, Any]] = report["systems"]
    fields = list(dict.fromkeys(field for figures in systems.values() for field in figures if field != "error"))
    table = Table("system", *(field.replace("_", " ") for field in fields), title=f"{title}: {report['rounds']} rounds")
    for name, figures in systems.items():
        if "error" in figures:
            table.add_row(name, f"could not run: {figures['error']}")
        else:
            table.add_row(name, *(f"{figures.get(field, '')}" for field in fields))
    for name, ratio in report.get("ratios", {}).items():
        table.caption = f"{table.caption or ''}  {name} = {ratio}".strip()
    return table


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
