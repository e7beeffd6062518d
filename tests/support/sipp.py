"""sipp as the phone or the trunk on either side of Pinhole, with its statistics as plain data."""

import csv
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Process, ProcessError, free_port

SOCKET_BUFFER = 4_000_000
"""Bytes. sipp's own default of 64 KiB loses datagrams above a few hundred calls a second."""

STOP_S = 3.0
"""How long a sipp server may take to end its last calls."""

_TRANSPORTS = {"UDP": "u1", "TCP": "t1"}


@dataclass(frozen=True, slots=True)
class SippStatistics:
    """What sipp counted, whole run; ``elapsed_s`` is from its start."""

    created: int
    current: int
    successful: int
    failed: int
    retransmissions: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class SippResult:
    """How a run of sipp ended. ``response_ms`` are the sorted times that the scenario measures by ``rtd``."""

    exit_code: int
    statistics: SippStatistics
    response_ms: Sequence[float]
    errors: str


class SippRun:
    """One sipp process with a scenario."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self._directory = process.directory

    def statistics(self) -> SippStatistics:
        """The counters as sipp last wrote them, once a second."""
        try:
            header, *_, last = csv.reader((self._directory / "statistics.csv").open(), delimiter=";")
        except (OSError, ValueError):
            return SippStatistics(0, 0, 0, 0, 0, 0.0)
        row = dict(zip(header, last, strict=False))
        return SippStatistics(
            created=int(row["TotalCallCreated"]),
            current=int(row["CurrentCall"]),
            successful=int(row["SuccessfulCall(C)"]),
            failed=int(row["FailedCall(C)"]),
            retransmissions=int(row["Retransmissions(C)"]),
            elapsed_s=_epoch(row["CurrentTime"]) - _epoch(row["StartTime"]),
        )

    def finish(self, timeout: float) -> SippResult:
        """Wait until sipp has made all of its calls."""
        return self._result(self.process.wait(timeout))

    def stop(self) -> SippResult:
        """End a sipp that waits for calls: first softly, so that it writes its statistics."""
        self.process.signal(signal.SIGUSR1)
        try:
            code = self.process.wait(STOP_S)
        except ProcessError:
            self.process.kill()
            code = -signal.SIGKILL
        return self._result(code)

    def assert_all_successful(self, calls: int, timeout: float = 60.0) -> SippResult:
        """Wait for the end and demand that every one of ``calls`` succeeded."""
        result = self.finish(timeout)
        counted = result.statistics
        assert (result.exit_code, counted.successful, counted.failed) == (0, calls, 0), f"{result} in {self._directory}"
        return result

    def _result(self, code: int) -> SippResult:
        try:
            errors = (self._directory / "errors.log").read_text(errors="replace")[-4000:]
        except OSError:
            errors = ""
        return SippResult(code, self.statistics(), self._response_times(), errors or self.process.log_tail(5))

    def _response_times(self) -> Sequence[float]:
        times = []
        for path in self._directory.glob("*_rtt.csv"):
            times += [float(found[1]) for found in re.finditer(r"^[\d.]+;([\d.]+);", path.read_text(), re.MULTILINE)]
        return sorted(times)


class Sipp:
    """Starts sipp processes and ends those that still run when the test is over."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs: list[SippRun] = []

    def serve(
        self,
        scenario: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        transport: str = "UDP",
        options: Sequence[str] = (),
        prefix: Sequence[str] = (),
    ) -> SippRun:
        """A sipp that takes calls. Returns when its port is bound; ``port`` 0 takes a free one."""
        port = port or free_port(address)
        run = self._start(scenario, address, port, transport, options, prefix)
        run.process.wait_ready(("tcp" if transport == "TCP" else "udp", port))
        return run

    def call(
        self,
        scenario: Path,
        target: str,
        *,
        called: str = "+493012345",
        calls: int = 1,
        rate: float = 10.0,
        address: str = "127.0.0.1",
        transport: str = "UDP",
        timeout: float = 60.0,
        options: Sequence[str] = (),
        prefix: Sequence[str] = (),
    ) -> SippRun:
        """A sipp that makes ``calls`` calls to ``called`` at ``target`` (``host:port``), ``rate`` a second."""
        rating = ("-r", f"{rate:g}") if rate >= 1 else ("-r", "1", "-rp", f"{1000 / rate:.0f}")
        plan = (
            target,
            "-s",
            called,
            "-m",
            str(calls),
            *rating,
            "-l",
            str(max(calls, 1)),
            "-timeout",
            f"{timeout:.0f}s",
            "-timeout_error",
        )
        return self._start(scenario, address, free_port(address), transport, (*plan, *options), prefix)

    def close(self) -> None:
        """End every sipp that still runs."""
        for run in self._runs:
            run.process.kill()

    def _start(
        self, scenario: Path, address: str, port: int, transport: str, options: Sequence[str], prefix: Sequence[str]
    ) -> SippRun:
        name = f"sipp{len(self._runs)}-{scenario.stem}"
        command: list[str | Path] = [
            "sipp",
            "-sf",
            scenario,
            "-i",
            address,
            "-p",
            str(port),
            "-t",
            _TRANSPORTS[transport],
        ]
        command += ["-bind_local", "-mi", address, "-nostdin", "-buff_size", str(SOCKET_BUFFER), "-timer_resol", "1"]
        command += ["-trace_stat", "-stf", "statistics.csv", "-fd", "1", "-trace_err", "-error_file", "errors.log"]
        process = Process(name, [*command, *options], directory=self._directory / name, prefix=prefix)
        run = SippRun(process.start(), port)
        self._runs.append(run)
        return run


def _epoch(moment: str) -> float:
    """sipp writes a moment as date, time and seconds since 1970, separated by tabs."""
    return float(moment.rpartition("\t")[2])
