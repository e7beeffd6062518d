"""The signalling systems under test: each takes sipp's calls and sends them on to one next hop."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import UnavailableError
from tests.support.kamailio import Kamailio
from tests.support.processes import Process, ProcessError, free_port

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = ROOT / "tests" / "interop" / "sipp"

_SIPPY_ENVIRONMENT = ROOT / "var" / "bench-venv"
"""Sippy has an environment of its own: its distribution brings a top-level package ``tests``, which would hide ours."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started system: the process to account for, where it takes calls (``host:port``), how to end it."""

    pid: int
    target: str
    stop: Callable[[], None]


Start = Callable[[Path, str, Sequence[str]], Running]
"""Starts a system: (working directory, next hop ``host:port``, command prefix). Raises ``UnavailableError``."""


def start_kamailio(directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """Kamailio with tm and rr, one worker."""
    require("kamailio")
    kamailio = Kamailio(directory, next_hop, prefix=prefix)
    started(kamailio.process, lambda: kamailio.start())
    return Running(kamailio.process.pid, kamailio.target, kamailio.process.stop)


def start_sippy(directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """Sippy's B2BUA from PyPI, its logging off."""
    port = free_port(kind=socket.SOCK_DGRAM)
    command: list[str | Path] = [_sippy_program(), "-f", "-l", "127.0.0.1", "-p", str(port), "-n", next_hop]
    process = Process(
        "sippy", command, directory=directory, prefix=prefix, environment={**os.environ, "SIPLOG_BEND": "none"}
    )
    started(process, lambda: process.start().wait_ready(("udp", port)))
    return Running(process.pid, f"127.0.0.1:{port}", process.stop)


def require(program: str) -> None:
    """``UnavailableError`` unless the program is installed."""
    if shutil.which(program) is None:
        raise UnavailableError(f"{program} is not installed")


def started(process: Process, start: Callable[[], object]) -> None:
    """Run ``start``; a process that does not come up is ended and told as ``UnavailableError``."""
    try:
        start()
    except (ProcessError, OSError) as failed:
        process.stop()
        raise UnavailableError(str(failed)) from failed


def _sippy_program() -> Path:
    program = _SIPPY_ENVIRONMENT / "bin" / "b2bua_simple"
    if program.exists():
        return program
    uv = next((path for path in (shutil.which("uv"), shutil.which(ROOT / "var" / "uv" / "bin" / "uv")) if path), None)
    if uv is None:
        raise UnavailableError("uv, which installs Sippy, is not on PATH")
    command = [uv, "sync", "--quiet", "--frozen", "--only-group", "bench", "--python", sys.executable]
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(_SIPPY_ENVIRONMENT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"Sippy could not be installed: {done.stderr.strip()[-300:]}")
    return program
