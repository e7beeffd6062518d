"""A telephone to test with: the handle of a pjsua2 user agent that runs in a process of its own (`ops.phone.agent`)."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ops.embedded_redis import die_with_parent
from ops.phone.audio import is_complete

_REPLY_S = 10.0
_QUIT_S = 5.0
_POLL_S = 0.01


class PhoneError(Exception):
    """The phone could not do what it was asked to, or what was waited for did not happen in time."""


@dataclass(frozen=True, slots=True)
class Reception:
    """One direction of a call's audio, as the end that hears it counts. Times in milliseconds; no RTT before RTCP."""

    codec: str
    packets: int
    lost: int
    discarded: int
    jitter_ms: float
    jitter_max_ms: float
    delay_ms: float
    rtt_ms: float | None
    packets_sent: int


class Phone:
    """One telephone. Blocking: every wait has an end (seconds) and raises `PhoneError` when it is reached."""

    def __init__(self, name: str, address: str = "127.0.0.1") -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._pending = b""
        self._recording: Path | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops.phone.agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # Nothing of ours is left to be flushed into a pipe whose reader has died.
            preexec_fn=die_with_parent(),
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self.port: int = self.request("open", address=address)["port"]
        self.address = address

    def request(self, command: str, **fields: Any) -> dict[str, Any]:
        """Have one of the agent's ``do_*`` methods run, and return its results."""
        self._number += 1
        self._send({"id": self._number, "do": command, **fields})
        deadline = time.monotonic() + _REPLY_S
        while True:
            message = self._receive(deadline, f"an answer to '{command}'")
            if message.get("id") != self._number:
                self.events.append(message)
            elif "error" in message:
                raise PhoneError(f"{self.name}: {command}: {message['error']}")
            else:
                return message

    def wait(self, event: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """The first event with these fields that was not yet waited for; what came before it is dropped."""
        deadline = time.monotonic() + timeout_s
        wanted = {"event": event, **fields}
        description = f"{event} {' '.join(f'{name}={value}' for name, value in fields.items())}".strip()
        seen: list[str] = []
        while True:
            message = self.events.pop(0) if self.events else self._receive(deadline, description, seen)
            if wanted.items() <= message.items():
                return message
            seen.append(" ".join(str(value) for value in message.values()))

    def register(self, user: str, password: str, registrar: str, timeout_s: float = 10.0) -> None:
        """Register as ``user`` at ``registrar`` (``host:port``)."""
        self.request("account", user=user, password=password, registrar=registrar)
        outcome = self.wait("registration", timeout_s)
        if outcome["status"] != 200:
            raise PhoneError(f"{self.name}: registration refused: {outcome['status']} {outcome['reason']}")

    def act_as(self, user: str) -> str:
        """Be reachable as ``user`` without registering; returns the SIP URI to call."""
        return str(self.request("account", user=user)["uri"])

    def play(self, wav: Path) -> None:
        """Play the file into calls from now on, again and again."""
        self.request("play", wav=str(wav))

    def record(self, wav: Path) -> None:
        """Record what is heard in calls from now on; the file is complete after ``wait_ended``."""
        self.request("record", wav=str(wav))
        self._recording = wav

    def call(self, uri: str) -> None:
        """Call; ``wait_answered`` waits for the answer."""
        self.request("call", uri=uri)

    def answer(self, timeout_s: float = 10.0) -> str:
        """Wait for a call, let it ring, answer it. Returns who calls."""
        incoming = self.wait("incoming", timeout_s)
        self.request("answer", status=180)
        self.request("answer", status=200)
        return str(incoming["remote"])

    def wait_answered(self, timeout_s: float = 10.0) -> None:
        """Wait until the call is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            event = self.wait("call", max(0.0, deadline - time.monotonic()))
            if event["state"] == "disconnected":
                raise PhoneError(f"{self.name}: the call failed: {event['status']} {event['reason']}")
            if event["state"] == "confirmed":
                return

    def hang_up(self) -> None:
        """End the call; ``wait_ended`` waits for it."""
        self.request("hangup")

    def wait_ended(self, timeout_s: float = 10.0) -> None:
        """Wait until the call is over and its recording, if any, complete."""
        self.wait("call", timeout_s, state="disconnected")
        deadline = time.monotonic() + _REPLY_S
        # pjsua2's mixer closes the file in a thread of its own, and tells nobody.
        while self._recording is not None and self._recording.exists() and not is_complete(self._recording):
            if time.monotonic() > deadline:
                raise PhoneError(f"{self.name}: the recording {self._recording} was never completed")
            time.sleep(_POLL_S)

    def dial(self, digits: str) -> None:
        """Send DTMF digits (RFC 4733)."""
        self.request("dtmf", digits=digits)

    def reception(self) -> Reception:
        """How well this phone has been hearing during the live call."""
        stats = self.request("stats")
        received = stats["received"]
        return Reception(
            codec=stats["codec"],
            packets=received["packets"],
            lost=received["lost"],
            discarded=received["discarded"],
            jitter_ms=received["jitter_ms"],
            jitter_max_ms=received["jitter_max_ms"],
            delay_ms=received["delay_ms"],
            rtt_ms=stats["rtt_ms"],
            packets_sent=stats["sent"]["packets"],
        )

    def quit(self) -> None:
        """Have the process end; ``close`` waits for it."""
        with contextlib.suppress(PhoneError):
            self._send({"id": 0, "do": "quit"})

    def close(self) -> None:
        """End the process."""
        try:
            self.quit()
            self._process.wait(_QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._selector.close()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()

    def __enter__(self) -> "Phone":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PhoneError(f"{self.name}: its process ended with status {self._process.wait()}") from None

    def _receive(self, deadline: float, wanted: str, seen: list[str] | None = None) -> dict[str, Any]:
        while b"\n" not in self._pending:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                heard = f" (heard: {'; '.join(seen)})" if seen else ""
                raise PhoneError(f"{self.name}: waited in vain for {wanted}{heard}")
            received = os.read(self._output, 65536)
            if not received:
                raise PhoneError(f"{self.name}: its process ended with status {self._process.wait()}")
            self._pending += received
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
