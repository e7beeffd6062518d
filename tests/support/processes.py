"""Starting, waiting for and ending the real processes that tests and benchmarks work with.

A process is known to be ready when the kernel says that its sockets are bound, and it is ended by its own
process group: nothing here sleeps for luck or kills by name.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

READY_S = 20.0
"""How long a process may take until it is ready."""

STOP_S = 8.0
"""How long a process may take to end after SIGTERM."""

_POLL_S = 0.02
_TCP_LISTEN = "0A"


class ProcessError(Exception):
    """A process did not start, did not become ready or did not end; the message carries the end of its log."""


def wait_for(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Poll ``condition`` until it holds. ``AssertionError`` naming ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(_POLL_S)


def free_port(host: str = "127.0.0.1", *, kind: int | None = None) -> int:
    """A port that is free now, for UDP and TCP alike unless ``kind`` (``socket.SOCK_*``) names one of them."""
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM) if kind is None else (kind,)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family, kinds[0]) as first:
            first.bind((host, 0))
            port: int = first.getsockname()[1]
            try:
                for other in kinds[1:]:
                    with socket.socket(family, other) as second:
                        second.bind((host, port))
            except OSError:
                continue
            return port


class Process:
    """One started program with its log file. A context manager: leaving it ends the program.

    ``prefix`` goes before the command and must exec it without a fork (``taskset``, ``ip netns exec``), so that
    ``pid`` is the program's own. ``environment`` is all that the program sees; None is what we see.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        directory: Path,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = [*prefix, *map(str, command)]
        self.directory = directory
        self.log_path = directory / f"{name}.log"
        self._environment = os.environ if environment is None else environment
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the program with its output in ``log_path``, which a restart continues."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self._environment,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """The program's process id."""
        if self._process is None:
            raise ProcessError(f"{self.name} was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True until the program has ended."""
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, *endpoints: tuple[str, int], timeout: float = READY_S) -> Self:
        """Wait until every ``("udp" | "tcp", port)`` is bound in the program's network namespace."""

        def ready() -> bool:
            if not self.is_running:
                raise ProcessError(self._failure("ended before it was ready"))
            return all(port in self._bound_ports(transport) for transport, port in endpoints)

        try:
            wait_for(ready, timeout, f"{self.name} bound to {endpoints}")
        except AssertionError as late:
            raise ProcessError(self._failure(str(late))) from late
        return self

    def wait(self, timeout: float) -> int:
        """The program's exit code, once it has ended by itself."""
        if self._process is None:
            raise ProcessError(f"{self.name} was not started")
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise ProcessError(self._failure(f"still runs after {timeout:g} s")) from late

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, not to its children."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """End the program and whatever it started; harmless when it has ended."""
        if self._process is None:
            return
        self.signal(self._stop_signal)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            pass
        self._kill_group()
        self._process.wait()

    def kill(self) -> None:
        """End the program and whatever it started at once, as a crash of the machine would."""
        self._kill_group()
        if self._process is not None:
            self._process.wait()

    def log_tail(self, lines: int = 40) -> str:
        """The end of the log, for the message of a failed test."""
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _kill_group(self) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _bound_ports(self, transport: str) -> set[int]:
        ports: set[int] = set()
        for table in (transport, f"{transport}6"):
            try:
                rows = Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]
            except OSError:
                continue
            for row in rows:
                _, local, _, state, *_ = row.split()
                if transport == "udp" or state == _TCP_LISTEN:
                    ports.add(int(local.rpartition(":")[2], 16))
        return ports

    def _failure(self, reason: str) -> str:
        return f"{self.name} {reason}\n$ {' '.join(self.command)}\n{self.log_tail()}"
