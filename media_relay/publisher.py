"""Writes what the relay knows to Redis, behind the calls' back: batched, repeated until it is there. Shell.

Redis is never waited for by a call. What could not be written stays due; when Redis is back everything is written anew,
because it may have come back empty. Every key has a lease, so that those of a relay that died vanish by themselves.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from time import monotonic, time
from typing import Any, Final

import structlog
from redis.asyncio import Redis, RedisCluster

from media_relay.bindings import (
    DTMF,
    EVENTS_KEPT,
    bindings_key,
    call_fields,
    events_key,
    packets_seen,
    relay_key,
    take_digits,
)
from media_relay.call import Call
from media_relay.call_store import CallStore
from media_relay.config import RelayConfig
from media_relay.redis_link import LINK_ERRORS
from media_relay.session import Relay

CALLS_PER_BATCH: Final = 50
"""Calls written at once: some milliseconds, for which media waits."""
GATHER_S: Final = 0.02
"""How long answers are gathered into one batch."""
PAUSE_S: Final = 0.1
"""Between two batches of counters, so that with many calls each is written less often and not all the time."""

log = structlog.get_logger("media_relay.redis")


class _Written:
    """What Redis holds of a call: the counters at the time of writing, and when the lease has to be renewed."""

    __slots__ = ("packets", "renew_at")

    def __init__(self, packets: int, renew_at: float) -> None:
        self.packets = packets
        self.renew_at = renew_at


class Publisher:
    """Publishes the calls of ``relay``, its heartbeat and its events. Call ``wake`` when ``relay.changes`` has news."""

    def __init__(self, relay: Relay, redis: "Redis | RedisCluster", config: RelayConfig, store: CallStore) -> None:
        self._relay = relay
        self._store = store
        self._redis = redis
        self._config = config
        self.facts: dict[str, str] = {}
        """What the heartbeat says beside the counts."""
        self._news = asyncio.Event()
        self._written: dict[str, _Written] = {}
        self._rounds: deque[tuple[float, str]] = deque()  # when to look at a call's counters; each written call once
        self._due: set[str] = set()
        self._reshaped: set[str] = set()  # due calls that were signalled, and may have fewer streams than before
        self._gone: set[str] = set()
        self._events: deque[dict[str, str]] = deque(maxlen=EVENTS_KEPT)
        self._is_away = False

    @property
    def is_connected(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return not self._is_away

    @property
    def pending(self) -> int:
        """Calls with something to write."""
        return len(self._due) + len(self._gone)

    def adopt(self, call_id: str) -> None:
        """Take over what the process before us has written of a call that goes on."""
        self._written[call_id] = _Written(-1, 0.0)
        self._rounds.append((0.0, call_id))

    def wake(self) -> None:
        """Have the news written soon."""
        self._news.set()

    def tell(self, event: str, call_id: str, **facts: str) -> None:
        """Publish an event about a call."""
        self._events.append({"event": event, "call": call_id, **facts})
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        next_heartbeat = next_counters = 0.0
        while True:
            now = monotonic()
            beat, count = now >= next_heartbeat, now >= next_counters
            if beat:
                next_heartbeat = now + self._config.heartbeat_interval_s
            # While Redis is away only the heartbeat tries it: each try may take as long as the connection's timeout.
            if beat or not self._is_away:
                await self._publish(now, beat=beat, count=count)
            if count:
                next_counters = max(self._rounds[0][0] if self._rounds else 0.0, monotonic() + PAUSE_S)
            await self._wait_for_news(min(next_heartbeat, next_counters) - monotonic())

    async def leave(self) -> None:
        """Write the last of every call, for the process after us; without one the leases remove it."""
        self._collect_news()
        self._due.update(self._written.keys() & self._relay.calls.keys())
        try:
            await self._write_due(monotonic())
            await self._delete_gone()
            await self._redis.delete(relay_key(self._config.redis_prefix, self._config.node))
        except LINK_ERRORS as error:
            log.warning("redis-away", error=str(error))

    async def _wait_for_news(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                await self._news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_S)
        self._news.clear()

    async def _publish(self, now: float, *, beat: bool, count: bool) -> None:
        self._collect_news()
        try:
            if beat:
                await self._write_heartbeat()
            if self._is_away:
                self._is_away = False
                self._due.update(self._written)
                self._reshaped.update(self._written)
                log.info("redis-back", calls=len(self._written))
            if count:
                self._due.update(self._changed_calls(now))
            await self._write_due(now)
            await self._delete_gone()
            await self._write_events()
        except LINK_ERRORS as error:
            if not self._is_away:
                log.warning("redis-away", error=str(error))
            self._is_away = True

    def _collect_news(self) -> None:
        changes = self._relay.changes
        self._due |= changes.updated
        self._reshaped |= changes.updated
        self._due -= changes.deleted
        self._reshaped -= changes.deleted
        self._gone |= changes.deleted & self._written.keys()
        changes.clear()

    def _changed_calls(self, now: float) -> list[str]:
        """A batch of calls whose counters have moved since they were written, or whose lease wears out."""
        looked_at: list[tuple[Call, _Written]] = []
        while self._rounds and self._rounds[0][0] <= now and len(looked_at) < CALLS_PER_BATCH:
            _, call_id = self._rounds.popleft()
            call, written = self._relay.calls.get(call_id), self._written.get(call_id)
            if call is None or written is None:
                continue
            self._rounds.append((now + self._config.bindings_interval_s, call_id))
            looked_at.append((call, written))
        self._relay.refresh(*(call for call, _ in looked_at))
        for call, _ in looked_at:
            self._tell_digits(call)
        return [
            call.id for call, written in looked_at if packets_seen(call) != written.packets or now >= written.renew_at
        ]

    def _tell_digits(self, call: Call) -> None:
        for leg, digit in take_digits(call):
            self.tell(DTMF, call.id, leg=leg, digit=digit.key, duration_ms=str(digit.duration_ms))

    async def _write_due(self, now: float) -> None:
        for batch in _batches(self._due):
            pipeline = self._redis.pipeline(transaction=False)
            written: dict[str, _Written] = {}
            for call_id in batch:
                call = self._relay.calls.get(call_id)
                if call is None:
                    continue
                key = bindings_key(self._config.redis_prefix, call_id)
                fields = call_fields(call, self._relay.epoch)
                if call_id in self._reshaped:
                    pipeline.delete(key)
                if fields:
                    pipeline.hset(key, items=_flat(fields))
                    pipeline.expire(key, math.ceil(self._config.bindings_lease_s))
                self._store.queue(pipeline, call, self._relay.epoch, has_new_shape=call_id in self._reshaped)
                written[call_id] = _Written(packets_seen(call), now + self._config.bindings_lease_s / 3)
            # Noted before the outcome is known: what may be in Redis must be deleted with the call.
            new = written.keys() - self._written.keys()
            self._rounds.extend((now + self._config.bindings_interval_s, call_id) for call_id in new)
            self._written |= written
            await pipeline.execute()
            self._due.difference_update(batch)
            self._reshaped.difference_update(batch)

    async def _delete_gone(self) -> None:
        for batch in _batches(self._gone):
            pipeline = self._redis.pipeline(transaction=False)
            ended = [call_id for call_id in batch if call_id not in self._relay.calls]
            for call_id in ended:
                pipeline.delete(bindings_key(self._config.redis_prefix, call_id))
                self._store.queue_deletion(pipeline, call_id)
            await pipeline.execute()
            for call_id in ended:
                self._written.pop(call_id, None)
            self._gone.difference_update(batch)

    async def _write_events(self) -> None:
        key = events_key(self._config.redis_prefix, self._config.node)
        while self._events:
            fields: dict[Any, Any] = {**self._events[0]}
            await self._redis.xadd(key, fields, maxlen=EVENTS_KEPT, approximate=True)
            self._events.popleft()

    async def _write_heartbeat(self) -> None:
        key = relay_key(self._config.redis_prefix, self._config.node)
        pipeline = self._redis.pipeline(transaction=False)
        counts = {
            "calls": str(len(self._relay.calls)),
            "ports_used": str(self._relay.interfaces.ports_used),
            "ports_total": str(self._relay.interfaces.ports_total),
            "time": f"{time():.3f}",
        }
        pipeline.hset(key, items=_flat({**self.facts, **counts}))
        pipeline.expire(key, max(5, math.ceil(3 * self._config.heartbeat_interval_s)))
        self._store.queue_renewal(pipeline)
        await pipeline.execute()


def _batches(call_ids: Iterable[str]) -> Iterable[Sequence[str]]:
    remaining = iter(list(call_ids))
    while batch := list(islice(remaining, CALLS_PER_BATCH)):
        yield batch


def _flat(fields: dict[str, str]) -> list[str]:
    """Names and values in turn, as HSET takes them."""
    return [text for pair in fields.items() for text in pair]
