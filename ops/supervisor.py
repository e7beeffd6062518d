"""Runs Pinhole's processes on one machine: starts them in order, starts again what ends, stops them in reverse.

A child that keeps failing is started at ever longer intervals; once it has lived for a while its slate is clean. The
kernel ends the children if the supervisor itself is killed.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from ops.embedded_redis import die_with_parent

_SHORTEST_S, _LONGEST_S = 0.25, 30.0
_HEALTHY_S = 60.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep alive. ``final_status``: the exit status after which starting again is of no use."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    final_status: int | None = None


class Backoff:
    """How long to wait before a process is started again (seconds): doubling, forgotten after a healthy life."""

    def __init__(self) -> None:
        self._next_s = _SHORTEST_S

    def after(self, lived_s: float) -> float:
        """The delay after a process that lived for ``lived_s``."""
        if lived_s >= _HEALTHY_S:
            self._next_s = _SHORTEST_S
        delay_s, self._next_s = self._next_s, min(_LONGEST_S, self._next_s * 2)
        return delay_s


class Supervisor:
    """Keeps children alive from ``run`` until ``stop``.

    ``grace_s``: how long a child may take to end after SIGTERM before it is killed. ``changed`` is called, if given,
    with a child's name and its new process id, or None when it has ended.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        grace_s: float = 10.0,
        changed: Callable[[str, int | None], None] = lambda name, pid: None,
    ) -> None:
        self._children = children
        self._grace_s = grace_s
        self._changed = changed
        self._stopping = asyncio.Event()
        self._status = 0
        self._log = structlog.get_logger()

    def stop(self) -> None:
        """Have ``run`` end the children and return."""
        self._stopping.set()

    async def run(self) -> int:
        """Run until stopped, or until a child ends for good; returns 0 or that child's exit status."""
        keepers: list[tuple[asyncio.Event, asyncio.Task[None]]] = []
        for child in self._children:
            end = asyncio.Event()
            keepers.append((end, asyncio.create_task(self._keep(child, end))))
        await self._stopping.wait()
        for end, keeper in reversed(keepers):
            end.set()
            await keeper
        return self._status

    async def _keep(self, child: Child, end: asyncio.Event) -> None:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        while not end.is_set():
            started = clock()
            process = await self._start(child)
            status = await self._watch(process, end)
            self._changed(child.name, None)
            if end.is_set():
                self._log.info("child stopped", child=child.name, status=status)
                return
            if status == child.final_status:
                self._log.error("child cannot run", child=child.name, status=status)
                self._status = status
                self.stop()
                return
            delay_s = backoff.after(clock() - started)
            self._log.error("child ended, starting it again", child=child.name, status=status, delay_s=delay_s)
            await _wait_for(end, delay_s)

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *child.command,
            env={**os.environ, **child.environment},
            stdin=asyncio.subprocess.DEVNULL,
            # A group of its own: Ctrl-C in a terminal reaches the supervisor alone, which ends the children in order.
            process_group=0,
            preexec_fn=die_with_parent(),
        )
        self._log.info("child started", child=child.name, pid=process.pid)
        self._changed(child.name, process.pid)
        return process

    async def _watch(self, process: asyncio.subprocess.Process, end: asyncio.Event) -> int:
        """Wait until the process ends by itself, or is to end: then end it."""
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(end.wait())
        await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not ended.done():
            _signal(process, signal.SIGTERM)
            await asyncio.wait((ended,), timeout=self._grace_s)
            if not ended.done():
                _signal(process, signal.SIGKILL)
        return await ended


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


async def _wait_for(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
