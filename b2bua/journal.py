"""Write-behind of all calls to Redis: the calls never wait, Redis catches up.

``changed`` only marks a call. Every few milliseconds the marked calls are read, once each, and sent as one batch on a
raw connection (``redis_pipe``). A few batches may be on their way; while Redis is slower than that, marks gather and
the calls are written less often, never later than they can be.

While Redis is away, marks and CDRs gather within bounds. Once it is back, the node writes all its live calls again,
slowly beside the new traffic, and removes those of its calls that ended meanwhile: the set ``node:{NAME}:calls`` names
them. A restart of this node under its old name, and of Redis without its data, are the same case. Each call is also
written again well before its lease, which guards against leaks, runs out.

Nothing is written twice but ladder lines and CDRs whose answer got lost with a connection: readers drop those
(``b2bua.store``).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from b2bua.call.shell import LadderEntry
from b2bua.call_record import CallSnapshot
from b2bua.journal_backlog import Backlog, Work
from b2bua.journal_writes import FENCED, Command, Writer
from b2bua.keys import Keys
from b2bua.redis_pipe import Pipe
from b2bua.redis_pipe_keeper import PipeKeeper
from b2bua.redis_stream import StreamReader
from media_relay import redis_link

__all__ = ["Journal", "JournalSettings", "JournalStats", "LiveRegistration"]

LiveRegistration = tuple[str, dict[str, str], float]
"""AOR, fields, seconds left."""

_WINDOW = 4  # batches on their way
_URGENT = 256  # calls a batch
_LEISURELY = 32  # calls written again a batch: 10 000 calls take 2.5 s and a tenth of a core
_SERVER_ERRORS = ("NOSCRIPT", "LOADING", "READONLY", "MISCONF", "OOM", "MASTERDOWN", "NOREPLICAS", "BUSY", "NOAUTH")
"""Errors that say the server, not the command, is at fault: it is left and tried again later."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Times in seconds; ``*_kept`` and ``ladder_length`` are entries."""

    flush_s: float = 0.008
    heartbeat_s: float = 1.0
    node_lease_s: float = 2.0
    call_lease_s: float = 3600.0
    stall_s: float = 3.0
    """A batch unanswered for so long means that the connection is dead."""
    retry_first_s: float = 0.1
    retry_most_s: float = 5.0
    stop_s: float = 2.0
    ladder_length: int = 200
    ended_kept: int = 10_000
    """Ended calls that wait for Redis; the oldest give way."""
    cdr_kept: int = 100_000


@dataclass(slots=True)
class JournalStats:
    """Counters since the start."""

    connects: int = 0
    batches: int = 0
    calls_written: int = 0
    calls_ended: int = 0
    fenced: int = 0
    refused: int = 0
    ended_dropped: int = 0
    ladder_dropped: int = 0


class Journal:
    """The B2BUA's side of Redis: ``start``, then tell it what happens; no method but ``start`` and ``stop`` waits.

    - ``snapshot(call_id)``: the live call as it is now, None once it has ended.
    - ``live_calls()``, ``live_registrations()``: all there is, for when Redis has to be told again.
    - ``node_fields()``: what ``node:{NAME}`` says, asked every second; not empty.
    - ``on_command(fields)``: an entry of ``node:{NAME}:commands``.
    - ``on_fenced(call_id)``: Redis has the call under a later epoch: another node took it over.

    Two living nodes must not share a name: each would remove the other's calls.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        node: str,
        loop: asyncio.AbstractEventLoop,
        *,
        snapshot: Callable[[str], CallSnapshot | None],
        live_calls: Callable[[], Iterable[str]],
        on_command: Callable[[dict[str, str]], None],
        node_fields: Callable[[], dict[str, str]],
        ladder_kept_s: float,
        live_registrations: Callable[[], Iterable[LiveRegistration]] = tuple,
        on_fenced: Callable[[str], None] | None = None,
        settings: JournalSettings = JournalSettings(),
    ) -> None:
        self._url = url
        self._keys = Keys(prefix)
        self._loop = loop
        self._settings = settings
        self._snapshot = snapshot
        self._live_calls = live_calls
        self._live_registrations = live_registrations
        self._node_fields = node_fields
        self._on_fenced = on_fenced
        self._writer = Writer(
            self._keys,
            node,
            call_lease_s=settings.call_lease_s,
            ladder_kept_s=ladder_kept_s,
            ladder_length=settings.ladder_length,
            cdr_kept=settings.cdr_kept,
        )
        self._commands = StreamReader(url, self._keys.node_commands(node), on_command)
        self._backlog = Backlog(max_ended=settings.ended_kept, max_ladder=settings.ladder_length)
        self._stats = JournalStats()
        self._trunks: dict[str, dict[str, str]] = {}
        self._epochs: dict[str, str] = {}
        """The epoch each live call was last written with."""
        self._listed: set[str] = set()
        """The calls that this connection has put into ``node:{NAME}:calls``."""
        self._pipe: Pipe | None = None
        self._in_flight: deque[tuple[Work, float]] = deque()
        self._waiting_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushed: list[asyncio.Future[None]] = []
        self._next_refresh = 0.0
        self._is_first_beat = True
        self._keeper = PipeKeeper(
            url,
            on_open=self._attach,
            on_beat=self._beat,
            on_lost=self._detach,
            beat_s=settings.heartbeat_s,
            stall_s=settings.stall_s,
            retry_first_s=settings.retry_first_s,
            retry_most_s=settings.retry_most_s,
        )

    @property
    def connected(self) -> bool:
        """Whether Redis takes our writes."""
        return self._pipe is not None

    @property
    def lag_s(self) -> float:
        """The age of the oldest news that Redis has not confirmed; 0 when it has everything."""
        since = self._in_flight[0][1] if self._in_flight else self._waiting_since
        return 0.0 if since is None else self._loop.time() - since

    @property
    def stats(self) -> JournalStats:
        """Counters since the start."""
        self._stats.ended_dropped = self._backlog.ended_dropped
        self._stats.ladder_dropped = self._backlog.ladder_dropped
        return self._stats

    async def start(self) -> None:
        """Connect, and keep connecting. Returns after the first attempt, whether Redis was there or not."""
        await self._keeper.start()
        self._commands.start()

    async def stop(self) -> None:
        """Write what is left, drop the node's lease, disconnect; gives up on Redis after ``stop_s`` each."""
        await self._commands.stop()
        if not await self.flushed(self._settings.stop_s):
            log.error("journal-left-unwritten", lag_s=round(self.lag_s, 3))
        await self._say_farewell()
        await self._keeper.stop()

    async def flushed(self, timeout_s: float) -> bool:
        """Wait until Redis has confirmed all that it was told so far; False if it did not within ``timeout_s``."""
        if not self._backlog and not self._in_flight:
            return True
        done: asyncio.Future[None] = self._loop.create_future()
        self._flushed.append(done)
        await asyncio.wait([done], timeout=timeout_s)
        return done.done()

    def changed(self, call_id: str) -> None:
        """A call has something new to keep."""
        self._backlog.changed(call_id)
        self._wake()

    def ladder(self, call_id: str, entry: LadderEntry) -> None:
        """One more line of a call's ladder; also after its end."""
        self._backlog.ladder(call_id, entry)
        self._wake()

    def ended(self, call_id: str, cdr: dict[str, str]) -> None:
        """A call is over: its keys go, its ladder stays for ``ladder_kept_s``, its CDR is written."""
        self._backlog.ended(call_id, self._epochs.pop(call_id, "0"), cdr)
        self._wake()

    def registration(self, aor: str, fields: dict[str, str] | None, ttl_s: float) -> None:
        """A phone's contacts for the next ``ttl_s`` seconds; None: it has none left."""
        self._backlog.registration(aor, fields or {}, time.time() + ttl_s)
        self._wake()

    def trunk(self, name: str, fields: dict[str, str]) -> None:
        """A trunk's state; not empty."""
        self._trunks[name] = fields
        self._backlog.trunk(name, fields)
        self._wake()

    async def load_registrations(self) -> list[LiveRegistration]:
        """The registrations that Redis holds, with the seconds each has left. Raises ``redis_link.LINK_ERRORS``."""
        client = redis_link.connect(self._url)
        try:
            now = time.time()
            loaded: list[LiveRegistration] = []
            await client.zremrangebyscore(self._keys.registrations, "-inf", now)
            listed: Any = await client.zrange(self._keys.registrations, 0, -1, withscores=True)
            for aor, expires in listed:
                fields: Any = await client.hgetall(self._keys.registration(aor))
                if fields:
                    loaded.append((aor, fields, expires - now))
            return loaded
        finally:
            await client.aclose()

    # Sending

    def _wake(self) -> None:
        if not self._backlog:
            return
        if self._waiting_since is None:
            self._waiting_since = self._loop.time()
        if self._timer is None and self._pipe is not None:
            self._timer = self._loop.call_later(self._settings.flush_s, self._flush)

    def _flush(self) -> None:
        self._timer = None
        pipe = self._pipe
        if pipe is None or len(self._in_flight) >= _WINDOW:
            return  # _attach or _answered wakes us again
        work = self._backlog.take(self._snapshot, urgent=_URGENT, leisurely=_LEISURELY)
        since, self._waiting_since = self._waiting_since, None
        commands = self._commands_for(work)
        if commands:
            self._in_flight.append((work, since if since is not None else self._loop.time()))
            self._stats.batches += 1
            pipe.send(commands, partial(self._answered, pipe, commands))
        if self._backlog:
            self._wake()
        else:
            self._tell_flushed()

    def _commands_for(self, work: Work) -> list[Command]:
        writer = self._writer
        started: dict[str, float] = {}
        commands: list[Command] = []
        for call_id, snapshot, lines in work.saved:
            self._epochs[call_id] = snapshot.call.get("epoch", "0")
            if call_id not in self._listed:
                started[call_id] = _start_of(snapshot)
            commands.append(writer.save(call_id, snapshot, lines))
        if started:  # before the calls: a name without a call is swept, a call without a name would leak
            self._listed.update(started)
            commands.insert(0, writer.list_calls(started))
        for call_id, ended in work.ended.items():
            commands.append(writer.end(call_id, ended.epoch, ended.ladder))
            if ended.cdr is not None:
                commands.append(writer.cdr(call_id, ended.cdr))
        commands.extend(map(writer.release, work.released))
        gone = [*work.ended, *work.released]
        if gone:  # after the calls, for the same reason
            self._listed.difference_update(gone)
            commands.append(writer.unlist_calls(gone))
        now = time.time()
        for aor, (fields, expires_s) in work.registrations.items():
            commands.extend(writer.registration(aor, fields, expires_s, now))
        commands.extend(writer.trunk(name, fields) for name, fields in work.trunks.items())
        self._stats.calls_written += len(work.saved)
        self._stats.calls_ended += len(work.ended)
        return commands

    def _answered(self, pipe: Pipe, commands: list[Command], answers: list[object]) -> None:
        if pipe is not self._pipe or not self._is_accepted(pipe, commands, answers):
            return  # _detach takes the work back
        self._in_flight.popleft()
        if self._backlog:
            self._wake()
        else:
            self._tell_flushed()

    def _is_accepted(self, pipe: Pipe, commands: list[Command], answers: list[object]) -> bool:
        """Look for bad answers. False if the server as a whole refuses: the pipe is then given up."""
        for command, answer in zip(commands, answers, strict=True):
            if answer == FENCED:
                self._fence(self._keys.call_of(command[3]))
            elif isinstance(answer, Exception):
                text = str(answer)
                if any(word in text for word in _SERVER_ERRORS):
                    pipe.fail(text)
                    return False
                self._stats.refused += 1
                log.error("redis-refused-a-write", error=text, command=command[0])
        return True

    def _fence(self, call_id: str) -> None:
        self._stats.fenced += 1
        self._backlog.release([call_id])
        if self._on_fenced is not None:
            self._on_fenced(call_id)

    def _tell_flushed(self) -> None:
        if not self._in_flight:
            waiting, self._flushed = self._flushed, []
            for done in waiting:
                if not done.done():
                    done.set_result(None)

    # The connection

    def _attach(self, pipe: Pipe) -> None:
        """A new connection, perhaps to a server that has forgotten everything: tell it all, ask what it still has."""
        self._pipe = pipe
        self._stats.connects += 1
        self._listed.clear()
        self._is_first_beat = True
        self._republish()
        pipe.send([self._writer.listed_calls()], self._sweep)

    def _detach(self) -> None:
        """The connection is gone, and with it all answers: take back what had none, the newest first."""
        self._pipe = None
        while self._in_flight:
            work, since = self._in_flight.pop()
            self._backlog.restore(work)
            self._waiting_since = since

    def _republish(self) -> None:
        self._next_refresh = self._loop.time() + self._settings.call_lease_s / 3
        self._backlog.republish(self._live_calls())
        for aor, fields, ttl_s in self._live_registrations():
            self._backlog.registration(aor, fields, time.time() + ttl_s)
        for name, fields in self._trunks.items():
            self._backlog.trunk(name, fields)
        self._wake()

    def _sweep(self, answers: list[object]) -> None:
        """Of the calls that Redis says are ours, remove those that are not alive."""
        listed = answers[0]
        if isinstance(listed, list):
            dead = set(listed).difference(self._live_calls())
            self._backlog.release(dead)
            self._wake()

    def _beat(self, pipe: Pipe) -> None:
        """Renew the node's lease; now and then the calls' too."""
        if pipe is not self._pipe:
            return
        commands = self._writer.heartbeat(self._node_fields(), time.time(), self._settings.node_lease_s)
        pipe.send(commands, partial(self._beaten, pipe, commands, self._is_first_beat))
        self._is_first_beat = False
        if self._loop.time() >= self._next_refresh:
            self._republish()

    def _beaten(self, pipe: Pipe, commands: list[Command], is_first: bool, answers: list[object]) -> None:
        if self._is_accepted(pipe, commands, answers) and answers[0] == 0 and not is_first:
            log.warning("redis-forgot-us")  # its data was lost, or we were stopped for longer than our lease
            self._republish()

    async def _say_farewell(self) -> None:
        pipe, self._pipe = self._pipe, None  # no heartbeat after the farewell
        if pipe is None:
            return
        gone: asyncio.Future[list[object]] = self._loop.create_future()
        pipe.send(self._writer.farewell(owns_calls=any(True for _ in self._live_calls())), gone.set_result)
        waited: list[asyncio.Future[Any]] = [gone, pipe.lost]
        await asyncio.wait(waited, timeout=self._settings.stop_s, return_when=asyncio.FIRST_COMPLETED)


def _start_of(snapshot: CallSnapshot) -> float:
    try:
        return float(snapshot.call["created"])
    except (KeyError, ValueError):
        return time.time()
