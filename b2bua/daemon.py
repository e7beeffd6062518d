"""The B2BUA process: one loop that moves messages, timers, relay replies and commands into the engine and out again.

The only place where the engine meets sockets, the clock and Redis.
"""

import asyncio
import contextlib
import gc
import math
import os
import signal
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog
import uvloop

from b2bua.call.call import Call
from b2bua.call.core import RelayCommand, RelayReply
from b2bua.call.engine import Engine
from b2bua.call.shell import LadderEntry
from b2bua.call_record import CallSnapshot, detail_record, snapshot
from b2bua.call_statistics import CallStatistics
from b2bua.config import B2buaConfig
from b2bua.hep_mirror import HepMirror
from b2bua.journal import Journal, LiveRegistration
from b2bua.metrics import B2buaMetrics
from b2bua.redis_stream import StreamReader
from b2bua.relay_link import RelayLink
from b2bua.sip.errors import ParseError
from b2bua.sip.hop import Hop
from b2bua.transport import Transports
from media_relay.bindings import MEDIA_TIMEOUT, events_key
from media_relay.monitoring.endpoint import MonitoringEndpoint
from media_relay.monitoring.process import ProcessMetrics
from media_relay.redis_link import LINK_ERRORS

if TYPE_CHECKING:
    from b2bua.call_traces import CallTracer

log = structlog.get_logger(__name__)

_HOUSEKEEPING_S = 1.0
_GC_THRESHOLDS = (50_000, 20, 100)
"""What lives in a call is freed by reference counts; scanning it for cycles only costs latency."""


class Daemon:
    """One B2BUA node. It is the engine's ``Shell`` and the transports' ``Receiver``."""

    def __init__(self, config: B2buaConfig, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._loop = loop
        self._started = time.time()
        self._ids = _Ids()
        self._timer: asyncio.Handle | None = None
        self._timer_due = math.inf
        """When ``_timer`` fires. Kept here: uvloop's handle of a time that has passed does not say."""
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        """Set when the last call has ended; only looked at while stopping."""
        now = loop.time()
        self._is_open = False
        self._mirror = HepMirror(config.hep, config.listeners) if config.hep else None
        self._transports = Transports(self, config.listeners, tap=self._mirror)
        self._relay = (
            RelayLink(loop, config.relay, self._ids.new(), config.timers.relay, self._relay_replied)
            if config.relay
            else None
        )
        self.engine = Engine(config, self, self._ids.new, os.urandom(32), now=now, wall=self._started)
        self._wall_offset = self._started - now
        self._journal = self._open_journal() if config.redis_url else None
        self._relay_events = (
            StreamReader(config.redis_url, events_key(config.redis_prefix, config.node), self._on_relay_event)
            if config.redis_url and config.relay
            else None
        )
        self._tracer = _open_tracer(config)
        self._statistics = CallStatistics()
        self._process = ProcessMetrics("b2bua", config.node)
        self._endpoint = self._open_endpoint(config.monitoring) if config.monitoring else None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then hang up what is on, tell everybody and leave."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        beside = [self._loop.create_task(self._process.watch_loop())]
        if self._endpoint is not None:
            await self._endpoint.start()
        await self._open()
        log.info(
            "b2bua-ready",
            node=self._config.node,
            listen=[f"{each.transport.lower()}:{each.host}:{each.port}" for each in self._config.listeners],
        )
        beside.append(self._loop.create_task(self._keep_house()))
        await self._stopping.wait()
        for task in beside:
            task.cancel()
        await self._close()
        if self._endpoint is not None:
            self._endpoint.close()

    async def _open(self) -> None:
        if self._journal is not None:
            await self._journal.start()
            await self._load_registrations(self._journal)
        if self._relay is not None:
            await self._relay.open()
        if self._relay_events is not None:
            self._relay_events.start()
        if self._mirror is not None:
            self._mirror.start()
        await self._transports.open()
        self._is_open = True

    async def _close(self) -> None:
        calls = list(self.engine.core.calls)
        log.info("b2bua-stopping", calls=len(calls))
        self._idle.clear()
        now = self._loop.time()
        for call_id in calls:
            self.engine.hang_up(call_id, now, "Server Shutdown")
        self._arm()
        await self._goodbyes()
        if self._relay_events is not None:
            await self._relay_events.stop()
        if self._journal is not None:
            await self._journal.stop()
        if self._relay is not None:
            self._relay.close()
        self._transports.close()
        if self._mirror is not None:
            self._mirror.close()
        if self._tracer is not None:
            await self._loop.run_in_executor(None, self._tracer.close)

    async def _goodbyes(self) -> None:
        """Wait until both sides of every call know, but no longer than a retransmission or three take."""
        if self.engine.core.calls:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), 8 * self._config.timers.t1)

    # From the transports (``Receiver``)

    def on_message(self, data: bytes, source: Hop) -> None:
        """One SIP message. A fault of ours costs this message, not the loop and every call on it."""
        try:
            self.engine.receive(data, source, self._loop.time())
        except Exception:
            log.exception("message-lost", peer=str(source), bytes=len(data))

    def on_malformed(self, error: ParseError, source: Hop) -> None:
        """A TCP stream that has lost its frame: answer what can be answered, the connection closes."""
        self.engine.refuse_malformed(error, source, self._loop.time())

    def on_error(self, data: bytes, hop: Hop) -> None:
        """A message could not be sent: its transaction need not wait for the timeout."""
        self.engine.transport_failed(data, hop, self._loop.time())

    def on_wakeup_end(self) -> None:
        """All that was readable is in the engine."""
        self._arm()

    # From the relay, the clock and the operators

    def _relay_replied(self, operation: int, reply: RelayReply | None) -> None:
        self.engine.relay_replied(operation, reply, self._loop.time())
        self._arm()

    def _tick(self) -> None:
        self._timer_due = math.inf
        try:
            self.engine.advance(self._loop.time())
        except Exception:
            log.exception("timer-lost")
        self._arm()

    def _arm(self) -> None:
        """Wake up for the engine's next timer."""
        deadline = self.engine.next_deadline()
        if deadline is None or deadline >= self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._tick)
        self._timer_due = deadline

    def _on_command(self, fields: dict[str, str]) -> None:
        command, call_id = fields.get("command"), fields.get("call", "")
        if command != "hangup":
            log.warning("unknown-command", command=command)
            return
        found = self.engine.hang_up(call_id, self._loop.time())
        self._arm()
        log.info("hang-up", call=call_id, found=found)

    def _on_relay_event(self, fields: dict[str, str]) -> None:
        if fields.get("event") == MEDIA_TIMEOUT:
            found = self.engine.hang_up(fields.get("call", ""), self._loop.time(), "Media Timeout")
            self._arm()
            log.warning("media-timeout", call=fields.get("call"), found=found)

    # Out of the engine (``Shell``)

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one SIP message."""
        self._transports.send(data, hop)

    def relay(self, operation: int, command: RelayCommand) -> None:
        """Send one command to the relay."""
        if self._relay is not None:
            self._relay.request(operation, command)

    def call_changed(self, call: Call) -> None:
        """Have the journal write the call."""
        if self._journal is not None:
            self._journal.changed(call.id)

    def ladder(self, call_id: str, entry: LadderEntry) -> None:
        """Have the journal write a line of the ladder."""
        if self._journal is not None:
            self._journal.ladder(call_id, entry)

    def call_ended(self, call: Call) -> None:
        """Have the journal remove the call and write its record."""
        record = detail_record(call, self._config.node, self._wall_offset)
        log.info("call-ended", **record)
        self._statistics.add(call)
        if self._tracer is not None:
            self._tracer.add(call, self._wall_offset)
        if self._journal is not None:
            self._journal.ended(call.id, record)
        if not self.engine.core.calls:
            self._idle.set()

    def registration_changed(self, user: str) -> None:
        """Have the journal write the user's bindings."""
        if self._journal is None:
            return
        now = self._loop.time()
        fields, left_s = self._registration(user, now)
        self._journal.registration(user, fields, left_s)

    # Monitoring

    def _open_endpoint(self, address: tuple[str, int]) -> MonitoringEndpoint:
        metrics = B2buaMetrics(
            self._config,
            self._process,
            self.engine,
            self._statistics,
            self._transports,
            self._journal,
            self._relay,
            self._mirror,
            self._loop.time,
        )
        return MonitoringEndpoint(address, metrics.collect, self._unready)

    def _unready(self) -> str:
        """Why no calls are taken; empty while they are."""
        if self._stopping.is_set():
            return "stopping"
        return "" if self._is_open else "starting"

    # Redis

    def _open_journal(self) -> Journal:
        config = self._config
        return Journal(
            config.redis_url,
            config.redis_prefix,
            config.node,
            self._loop,
            snapshot=self._snapshot,
            live_calls=lambda: list(self.engine.core.calls),
            on_command=self._on_command,
            node_fields=self._node_fields,
            ladder_kept_s=config.ladder_kept_s,
            live_registrations=self._live_registrations,
        )

    def _snapshot(self, call_id: str) -> CallSnapshot | None:
        call = self.engine.core.calls.get(call_id)
        return snapshot(call, self._config.node, self._config.relay, self._wall_offset) if call is not None else None

    def _node_fields(self) -> dict[str, str]:
        return {
            "role": "b2bua",
            "address": " ".join(
                f"{each.transport.lower()}:{each.advertised_host}:{each.advertised_port}"
                for each in self._config.listeners
            ),
            "calls": str(len(self.engine.core.calls)),
            "draining": "0",
            "version": version("pinhole"),
            "started": f"{self._started:.0f}",
        }

    def _registration(self, user: str, now: float) -> tuple[dict[str, str] | None, float]:
        """The user's bindings as Redis keeps them, and for how long (seconds)."""
        bindings = self.engine.registrar.bindings(user, now)
        if not bindings:
            return None, 0.0
        fields = self.engine.registrar.dump(user, now, now + self._wall_offset)
        return fields, max(binding.expires_at for binding in bindings) - now

    def _live_registrations(self) -> Iterable[LiveRegistration]:
        now = self._loop.time()
        for user in self._config.users:
            fields, left_s = self._registration(user, now)
            if fields:
                yield user, fields, left_s

    async def _load_registrations(self, journal: Journal) -> None:
        """Phones that registered before a restart can be called at once, without waiting for their next REGISTER."""
        now = self._loop.time()
        try:
            for user, fields, _ in await journal.load_registrations():
                if user in self._config.users:
                    self.engine.registrar.load(user, fields, now, now + self._wall_offset)
        except LINK_ERRORS as error:
            log.warning("registrations-not-loaded", error=str(error))

    async def _keep_house(self) -> None:
        """Once a second: bindings that have expired, the trunks' state for Redis."""
        core = self.engine.core
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            now = self._loop.time()
            for user in self.engine.registrar.expire(now):
                self.registration_changed(user)
            if self._journal is not None:
                for name, trunk in self._config.trunks.items():
                    self._journal.trunk(name, core.trunks.fields(trunk, core.admission.load(name), now))


def _open_tracer(config: B2buaConfig) -> "CallTracer | None":
    if not config.traces:
        return None
    from b2bua.call_traces import CallTracer  # an optional dependency

    return CallTracer(config.traces, config.node)


class _Ids:
    """Call IDs and branches: 64 random bits, so that nobody guesses a tag (RFC 3261 19.3)."""

    _BYTES = 8
    _POOL = 256

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def new(self) -> str:
        """Sixteen characters of ``[0-9a-f]``."""
        if self._at >= len(self._pool):
            self._pool = os.urandom(self._BYTES * self._POOL).hex()
            self._at = 0
        start, self._at = self._at, self._at + 2 * self._BYTES
        return self._pool[start : self._at]


def main(config: B2buaConfig) -> None:
    """Run a B2BUA node until SIGTERM. Raises OSError where a socket cannot be opened."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(config))


async def _main(config: B2buaConfig) -> None:
    daemon = Daemon(config, asyncio.get_running_loop())
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    await daemon.run()
