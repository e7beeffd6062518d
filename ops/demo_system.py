"""A whole Pinhole on loopback for the demo: configuration, processes, and a look into its Redis."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import yaml

from media_relay.ng.bencode import encode
from ops.embedded_redis import EmbeddedRedis, die_with_parent
from ops.synthetic_call import Account

_START_S = 20.0
_STOP_S = 15.0
_POLL_S = 0.1
_LOG_LINES = 12
_LOOPBACK = "127.0.0.1"


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class DemoSystem:
    """`pinhole run` with a configuration of its own in a temporary directory.

    Two ``accounts`` for telephones of ours and two for ``softphones``, everything on 127.0.0.1, ports that are free, an
    embedded Redis, the ops API with its page. ``ladder_kept_s`` says how long the ladder of a finished call stays.
    """

    def __init__(self, ladder_kept_s: int) -> None:
        # Short on purpose: the path of a Unix socket has 107 bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="pinhole-demo-"))
        self.accounts = _account("alice"), _account("bob")
        self.softphones = _account("carol"), _account("dave")
        self.server = f"{_LOOPBACK}:{_free_port(socket.SOCK_DGRAM, socket.SOCK_STREAM)}"
        self.ops_address = f"{_LOOPBACK}:{_free_port(socket.SOCK_STREAM)}"
        self._ops_token = secrets.token_urlsafe(24)
        self.redis_url = EmbeddedRedis(self.directory).url
        self.config_path = self.directory / "pinhole.yaml"
        self._log_path = self.directory / "pinhole.log"
        self._ng_port = _free_port(socket.SOCK_DGRAM)
        self._process: subprocess.Popen[bytes] | None = None
        self.config_path.write_text(yaml.safe_dump(self._settings(ladder_kept_s), sort_keys=False))

    def __enter__(self) -> "DemoSystem":
        try:
            self._start()
        except DemoError:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def page_url(self) -> str:
        """The live page with the token in it: behind the #, where it goes into no log."""
        return f"http://{self.ops_address}/#token={self._ops_token}"

    def end_of_log(self) -> str:
        """The last lines of what the system logged."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-_LOG_LINES:])
        return ""

    def wait(self) -> None:
        """Until the system ends by itself."""
        if self._process is not None:
            self._process.wait()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _settings(self, ladder_kept_s: int) -> dict[str, object]:
        return {
            "node": "demo",
            "data_dir": str(self.directory),
            "listen": [f"udp:{self.server}", f"tcp:{self.server}"],
            "users": {each.user: {"password": each.password} for each in (*self.accounts, *self.softphones)},
            "routes": [{"from": "phones", "to": ["phones"]}],
            "relay": {"ng": f"{_LOOPBACK}:{self._ng_port}"},
            "redis": {"ladder_kept": ladder_kept_s},
            "ops": {"listen": self.ops_address, "tokens": {"demo": {"role": "act", "token": self._ops_token}}},
        }

    def _start(self) -> None:
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "run", "--config", str(self.config_path)],
                # What the caller has set for a Pinhole of their own is not meant for this one.
                env={name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )
        host, _, port = self.server.rpartition(":")
        self._await_answer("the relay", _ng_ping, (_LOOPBACK, self._ng_port))
        self._await_answer("the B2BUA", _sip_options, (host, int(port)))
        self._await_ops()

    def _await_ops(self) -> None:
        deadline = time.monotonic() + _START_S
        while not _ops_is_ready(self.ops_address):
            if time.monotonic() > deadline:
                raise DemoError(f"the ops API does not answer at {self.ops_address}\n{self.end_of_log()}")
            time.sleep(_POLL_S)

    def _await_answer(self, name: str, question: Callable[[int], bytes], address: tuple[str, int]) -> None:
        """Ask by UDP until something answers."""
        deadline = time.monotonic() + _START_S
        attempt = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(_POLL_S)
            asking.connect(address)
            while time.monotonic() < deadline:
                attempt += 1
                if self._process is not None and self._process.poll() is not None:
                    raise DemoError(f"Pinhole ended with status {self._process.returncode}\n{self.end_of_log()}")
                try:
                    asking.send(question(attempt))
                    asking.recv(65535)
                except TimeoutError:
                    continue
                except ConnectionRefusedError:  # Nobody listens yet.
                    time.sleep(_POLL_S)
                else:
                    return
        raise DemoError(f"{name} does not answer at {address[0]}:{address[1]}\n{self.end_of_log()}")


def _ops_is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/health/ready", timeout=1.0):
            return True
    except OSError:
        return False


def _account(user: str) -> Account:
    return Account(user, secrets.token_urlsafe(9))


def _ng_ping(attempt: int) -> bytes:
    return b"demo%d %b" % (attempt, encode({"command": "ping"}))


def _sip_options(attempt: int) -> bytes:
    lines = (
        f"OPTIONS sip:{_LOOPBACK} SIP/2.0",
        f"Via: SIP/2.0/UDP {_LOOPBACK};rport;branch=z9hG4bKdemo{attempt}",
        f"From: <sip:demo@{_LOOPBACK}>;tag=demo",
        f"To: <sip:{_LOOPBACK}>",
        f"Call-ID: demo{attempt}@{_LOOPBACK}",
        f"CSeq: {attempt} OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _free_port(*kinds: socket.SocketKind) -> int:
    """A port of the loopback address that is free for all these kinds of sockets."""
    while True:
        with contextlib.ExitStack() as open_sockets:
            port = 0
            try:
                for kind in kinds:
                    bound = open_sockets.enter_context(socket.socket(socket.AF_INET, kind))
                    bound.bind((_LOOPBACK, port))
                    port = bound.getsockname()[1]
            except OSError:
                continue
            return int(port)
