"""A B2BUA node reduced to what its journal sees of it, and waiting for what Redis then shows."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import uvloop

from b2bua.call.shell import LadderEntry
from b2bua.call_record import CallSnapshot
from b2bua.journal import Journal, JournalSettings

QUICK = JournalSettings(
    flush_s=0.002, heartbeat_s=0.05, node_lease_s=0.5, stall_s=0.5, retry_first_s=0.01, retry_most_s=0.05
)
"""As in production, only that nobody has to wait long for an outage to be noticed or to be over."""


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine on the event loop of the product."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story)


async def until(condition: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    """Poll ``condition`` until it holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.005)


def line(summary: str) -> LadderEntry:
    """One line of a ladder."""
    return LadderEntry(time.time(), "a", "in", "udp:192.0.2.1:5060", summary)


class JournalledNode:
    """Calls without any SIP. An async context manager: the journal runs inside."""

    def __init__(self, url: str, name: str = "n1", *, prefix: str = "", **settings: float) -> None:
        self.name = name
        self.calls: dict[str, CallSnapshot] = {}
        self.registrations: list[tuple[str, dict[str, str], float]] = []
        self.commands: list[dict[str, str]] = []
        self.fenced: list[str] = []
        self.journal = Journal(
            url,
            prefix,
            name,
            asyncio.get_running_loop(),
            snapshot=self.calls.get,
            live_calls=lambda: list(self.calls),
            live_registrations=lambda: self.registrations,
            on_command=self.commands.append,
            on_fenced=self.fenced.append,
            node_fields=lambda: {"role": "b2bua", "calls": str(len(self.calls))},
            ladder_kept_s=600,
            settings=replace(QUICK, **settings),  # type: ignore[arg-type]  # two of them are int, which float admits
        )

    async def __aenter__(self) -> "JournalledNode":
        await self.journal.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.journal.stop()

    def place(self, call_id: str, **dialog: str) -> None:
        """A new call, or new state of one."""
        call = {"state": "ringing", "owner": self.name, "epoch": "1", "created": "1700000000.5"}
        self.calls[call_id] = CallSnapshot(call, dialog or {"a.cseq": "1"})
        self.journal.changed(call_id)
        self.journal.ladder(call_id, line("INVITE"))

    def hang_up(self, call_id: str) -> None:
        """The end of a call."""
        del self.calls[call_id]
        self.journal.ladder(call_id, line("BYE"))
        self.journal.ended(call_id, {"from": "alice", "reason": "normal"})

    async def flushed(self) -> None:
        """All is in Redis, as the journal says."""
        assert await self.journal.flushed(5.0), "not flushed"
