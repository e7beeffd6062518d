"""CPU a packet: RTP from one network namespace through a relay in a second to a verifying sink in a third.

All relays are up at once with the same calls, set up by the same ng offers and answers, and take their rounds in
turn. A relay has one core; generator and sink share another. A stream is one direction of a call.

A relay in userspace is charged with the time of its process. What the kernel forwards it forwards in the time of
others, so that relay is charged with its process and with all that generator, sink and interrupts need more than when
the generator sends straight to the sink: the second cable and every queue on the way are in its figure, but not in the
others', whose packets reach their sockets at the generator's expense.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.accounting import cores, cpu_ns, load_ns, pinned
from bench.relays import GENERATOR_ADDRESS, RELAY_NAMES, SINK_ADDRESS, Network, Relay, start_relays
from bench.report import BenchError, Report, Results, Round, UnavailableError, assemble
from bench.rtp.build import Programs, build

_GENERATOR_FIRST_PORT = 10_000
_SINK_FIRST_PORT = 20_000
_WARM_UP_S = 0.5
_CPU_FIELD = "cpu_ns_per_packet"
_OURS = ("pinhole-kernel", "pinhole-userspace")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds of how many seconds, at how many packets a second, for each number of streams."""

    rounds: int
    seconds: float
    packets_per_second: int
    streams: Sequence[int]
    """In rising order; the report's main figures are the last one's."""


FULL = Plan(rounds=5, seconds=5.0, packets_per_second=30_000, streams=(200, 1000))
QUICK = Plan(rounds=3, seconds=1.5, packets_per_second=30_000, streams=(200, 1000))


@dataclass(frozen=True, slots=True)
class _Passed:
    """What came through, and what generator, sink and interrupts needed for it."""

    good: int
    lost: int
    p99_us: int
    load_ns: int


@dataclass(slots=True)
class _Load:
    """The two load programs and what they need to know from one round to the next."""

    programs: Programs
    network: Network
    directory: Path
    packets_per_second: int
    sequence: int = 0

    def run(self, relay: Relay, seconds: float) -> Round:
        """Send RTP through every stream of ``relay`` and verify what arrives."""
        before = cpu_ns(relay.pid)
        passed = self._pass(relay.targets, seconds)
        used = cpu_ns(relay.pid) - before
        if relay.is_in_kernel:
            straight = self._pass([(SINK_ADDRESS, _sink_port(stream)) for stream in range(len(relay.targets))], seconds)
            used += round(passed.load_ns - straight.load_ns * passed.good / max(straight.good, 1))
        return Round(used / max(passed.good, 1), passed.good / seconds, passed.lost, passed.p99_us / 1000)

    def _pass(self, targets: Sequence[tuple[str, int]], seconds: float) -> "_Passed":
        load_before = load_ns()
        cpu = pinned(cores()[0])
        command = [*self.network.sink.prefix, *cpu, str(self.programs.receiver), SINK_ADDRESS]
        command += [str(_sink_port(0)), str(len(targets))]
        sink = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            if sink.stdout is None or sink.stdout.readline() != "ready\n":
                raise BenchError("the RTP receiver did not start")
            sent = self._generate(cpu, targets, seconds)
            output, _ = sink.communicate(timeout=30)
        finally:
            sink.kill()
            sink.wait()
        packets, _, _, wrong, p99_us = map(int, output.split())
        good = packets - wrong
        return _Passed(good, sent - good, p99_us, load_ns() - load_before)

    def _generate(self, cpu: Sequence[str], targets: Sequence[tuple[str, int]], seconds: float) -> int:
        command = [*self.network.generator.prefix, *cpu, str(self.programs.generator), GENERATOR_ADDRESS]
        command += [str(_GENERATOR_FIRST_PORT), str(self.packets_per_second), f"{seconds:g}", str(self.sequence)]
        lines = "".join(f"{host} {port}\n" for host, port in targets)
        done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
        self.sequence += int(self.packets_per_second * seconds / len(targets)) + 1
        return int(done.stdout)


def _sink_port(stream: int) -> int:
    return _SINK_FIRST_PORT + 2 * stream


def run(plan: Plan, progress: Callable[[str], None]) -> Report:
    """Measure every relay; ``progress`` is told what happens."""
    try:
        return _compare(plan, progress)
    except UnavailableError as missing:
        errors = dict.fromkeys(RELAY_NAMES, str(missing))
        return assemble(Results({}, errors), _CPU_FIELD, ours=_OURS)


def _compare(plan: Plan, progress: Callable[[str], None]) -> Report:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pinhole-bench-")))
        progress("building the RTP generator")
        programs = build(directory)
        network = stack.enter_context(Network())
        relays, errors = start_relays(stack, directory, network, progress)
        load = _Load(programs, network, directory, plan.packets_per_second)
        reports = {}
        for streams in plan.streams:
            for relay in relays.values():
                progress(f"setting up {streams} streams on {relay.name}")
                relay.add_calls(streams, _GENERATOR_FIRST_PORT, _SINK_FIRST_PORT)
            rounds = _rounds(plan, relays, load, streams, progress)
            reports[streams] = assemble(Results(rounds, errors), _CPU_FIELD, ours=_OURS)
    main = reports.pop(plan.streams[-1])
    return {
        **main,
        "streams": plan.streams[-1],
        "by_streams": {str(streams): other for streams, other in reports.items()},
    }


def _rounds(
    plan: Plan, relays: Mapping[str, Relay], load: _Load, streams: int, progress: Callable[[str], None]
) -> dict[str, list[Round]]:
    for relay in relays.values():
        load.run(relay, _WARM_UP_S)
    rounds: dict[str, list[Round]] = {name: [] for name in relays}
    for number in range(plan.rounds):
        for name, relay in relays.items():
            progress(f"round {number + 1} of {plan.rounds}: {name}, {streams} streams")
            rounds[name].append(load.run(relay, plan.seconds))
    return rounds
