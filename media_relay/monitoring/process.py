"""What is told of every process: which it is, what it costs, and whether its loop keeps up. Shell."""

import asyncio
import os
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from media_relay.monitoring.distribution import Distribution
from media_relay.monitoring.families import Metric, counter, gauge, histogram, info

CHECK_S: Final = 0.25
LAG_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_STATM = Path("/proc/self/statm")


class ProcessMetrics:
    """Role, node, version; processor time and memory; how late the loop's timers are."""

    def __init__(self, role: str, node: str) -> None:
        self._facts = {"role": role, "node": node, "version": version("pinhole")}
        self._started = time.time()
        self._lag = Distribution(LAG_BOUNDS)

    async def watch_loop(self) -> None:
        """Measure the loop's lag until cancelled: by how much a nap is longer than it should be."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + CHECK_S
            await asyncio.sleep(CHECK_S)
            self._lag.observe(max(0.0, clock() - due))

    def families(self) -> Iterator[Metric]:
        """The metrics. Open files are not among them: to count ten thousand sockets takes milliseconds."""
        yield info("pinhole_build", "Which process this is.", self._facts)
        yield gauge("process_start_time_seconds", "Unix time at which the process started.", self._started)
        yield counter("process_cpu_seconds", "Processor time used, user and system.", time.process_time())
        yield gauge("process_resident_memory_bytes", "Memory in use.", _resident_bytes())
        yield histogram("pinhole_loop_lag_seconds", "How late timers fire, looked at four times a second.", self._lag)


def _resident_bytes() -> float:
    pages = int(_STATM.read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
