"""CPU a call: sipp calls through each system to sipp, media passed by.

The work is one whole call (INVITE, 180, 200, ACK, 200 ms, BYE, 200; 13 datagrams). sipp has one core, the system
under test another. All systems are up at once and take their rounds in turn, so that what the machine does
meanwhile falls on all of them alike.

``pinhole`` is the native form, ``pinhole-pure`` the same sources uncompiled. Where there is no native form, the
sources are what runs, and stand for ``pinhole`` with the reason.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.accounting import cores, cpu_ns, pinned
from bench.peers import SCENARIOS, Running, Start, require, start_kamailio, start_sippy
from bench.pinhole import start_native, start_pure
from bench.report import Report, Results, Round, UnavailableError, assemble, percentile
from tests.support.pinhole import CALLEE_ADDRESS
from tests.support.sipp import Sipp, SippRun

_CALL_MS = 200
_WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds of how many seconds, and the calls a second that each system is asked for.

    Without ``both_forms`` the uncompiled form is measured only where it has to stand in for the native one.
    """

    rounds: int
    seconds: float
    rates: Mapping[str, float]
    both_forms: bool = True


_RATES = {"pinhole": 1000, "pinhole-pure": 1000, "kamailio": 1000, "sippy": 100}
"""Sippy cannot do 1000 calls a second; it is measured where it can."""

FULL = Plan(rounds=5, seconds=10.0, rates=_RATES)
QUICK = Plan(rounds=3, seconds=2.5, rates=_RATES, both_forms=False)

_STARTS: Mapping[str, Start] = {
    "pinhole": start_native,
    "pinhole-pure": start_pure,
    "kamailio": start_kamailio,
    "sippy": start_sippy,
}


def run(plan: Plan, progress: Callable[[str], None]) -> Report:
    """Measure every system; ``progress`` is told what happens."""
    try:
        results = _compare(plan, progress)
    except UnavailableError as missing:
        results = Results({}, dict.fromkeys(_STARTS, str(missing)))
    form = "native"
    if "pinhole" in results.errors and "pinhole-pure" in results.rounds:
        form = f"pure: {results.errors['pinhole']}"
        results = Results({"pinhole": results.rounds["pinhole-pure"], **results.rounds}, results.errors)
    report = assemble(results, "cpu_ms_per_call", ours=("pinhole", "pinhole-pure"))
    if "error" not in report["systems"]["pinhole"]:
        report["systems"]["pinhole"]["form"] = form
    return report


def _compare(plan: Plan, progress: Callable[[str], None]) -> Results:
    require("sipp")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pinhole-bench-")))
        load_cpu, system_cpu = cores()
        sipp = Sipp(directory)
        stack.callback(sipp.close)
        callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS, prefix=pinned(load_cpu))
        systems: dict[str, Running] = {}
        errors: dict[str, str] = {}
        for name, start in _STARTS.items():
            if name == "pinhole-pure" and "pinhole" in systems and not plan.both_forms:
                errors[name] = "left out of the quick run"
                continue
            progress(f"starting {name}")
            try:
                systems[name] = start(directory / name, f"{CALLEE_ADDRESS}:{callee.port}", pinned(system_cpu))
            except UnavailableError as missing:
                errors[name] = str(missing)
            else:
                stack.callback(systems[name].stop)
        return Results(_rounds(plan, systems, sipp, progress), errors)


def _rounds(
    plan: Plan, systems: Mapping[str, Running], sipp: Sipp, progress: Callable[[str], None]
) -> dict[str, list[Round]]:
    for name, system in systems.items():
        progress(f"warming up {name}")
        _measure(system, sipp, plan.rates[name], _WARM_UP_S)
    rounds: dict[str, list[Round]] = {name: [] for name in systems}
    for number in range(plan.rounds):
        for name, system in systems.items():
            progress(f"round {number + 1} of {plan.rounds}: {name} at {plan.rates[name]:g} calls a second")
            rounds[name].append(_measure(system, sipp, plan.rates[name], plan.seconds))
    return rounds


def _measure(system: Running, sipp: Sipp, rate: float, seconds: float) -> Round:
    calls = int(rate * seconds)
    before = cpu_ns(system.pid)
    result = _call(system, sipp, calls, rate, seconds).finish(seconds + 60)
    used = cpu_ns(system.pid) - before
    done = result.statistics.successful
    return Round(
        cpu=used / 1e6 / max(done, 1),
        rate=done / max(seconds, result.statistics.elapsed_s - _CALL_MS / 1000),
        failed=calls - done,
        p99_ms=percentile(result.response_ms, 0.99),
    )


def _call(system: Running, sipp: Sipp, calls: int, rate: float, seconds: float) -> SippRun:
    options = ["-d", str(_CALL_MS), "-trace_rtt", "-rtt_freq", "1", "-recv_timeout", "8000"]
    return sipp.call(
        SCENARIOS / "caller.xml",
        system.target,
        calls=calls,
        rate=rate,
        timeout=seconds + 30,
        options=options,
        prefix=pinned(cores()[0]),
    )
