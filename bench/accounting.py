"""What the kernel says a process tree has used: CPU time to the nanosecond, and memory.

``schedstat`` counts every thread's time on a CPU, the system calls included, which ``/proc/PID/stat`` knows only
to 10 ms. A child that has ended takes its figure with it: the systems measured here keep theirs.
"""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def process_tree(pid: int) -> Iterator[int]:
    """``pid`` and all of its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from process_tree(int(child))


def cpu_ns(pid: int) -> int:
    """CPU time of every thread of the process tree, in nanoseconds."""
    return sum(
        _thread_ns(path) for process in process_tree(pid) for path in Path(f"/proc/{process}/task").glob("*/schedstat")
    )


def load_ns() -> int:
    """CPU time of our own children that have ended, and of interrupts that the kernel has put off.

    Interrupts are served in the time of whoever runs, mostly of him who caused them by sending.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    put_off = sum(cpu_ns(int(comm.parent.name)) for comm in Path("/proc").glob("[0-9]*/comm") if _is_ksoftirqd(comm))
    return round((ended.ru_utime + ended.ru_stime) * 1e9) + put_off


def resident_kib(pid: int) -> int:
    """Resident memory of the process tree, in KiB; shared pages count once for each process."""
    total = 0
    for process in process_tree(pid):
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_KIB
        except OSError:
            continue
    return total


def cores() -> tuple[int, int]:
    """The CPU for the load and the CPU for the system under test; the same one on a machine with one CPU."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pinned(cpu: int) -> tuple[str, ...]:
    """The prefix that starts a command on one CPU, ahead of what else the machine does when we may say so."""
    priority = ("nice", "-n", "-15") if os.geteuid() == 0 else ()
    return (*priority, "taskset", "-c", str(cpu))


def most_files() -> tuple[str, ...]:
    """The prefix that lets a command open as many files as the machine allows: a relay has a socket a port."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ("prlimit", f"--nofile={most}:{most}")


def _is_ksoftirqd(comm: Path) -> bool:
    try:
        return comm.read_text().startswith("ksoftirqd/")
    except OSError:
        return False


def _thread_ns(path: Path) -> int:
    try:
        return int(path.read_text().split()[0])
    except OSError:
        return 0
