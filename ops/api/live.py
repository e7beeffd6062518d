"""What happens to calls, as server-sent events for any number of watchers.

Redis is looked at twice a second while anybody watches, once for all of them: the sets of call IDs tell who came and
went, and only calls that are new, or not answered yet, are read (of the answered ones a part in turn). So ten thousand
calls cost little more than those that change.

=============  ======================================================================================
event          data
=============  ======================================================================================
``reset``      forget all calls: those that follow are all there are
``calls``      ``calls``: those that are new or changed; ``gone``: IDs of those that are over
``records``    ``records``: calls that have finished, as ``/api/v1/cdrs`` shows them
``system``     ``time`` (Unix time); ``trouble``: why Redis does not answer, else ``nodes``, ``relays``, ``trunks``
=============  ======================================================================================
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

from b2bua.reader import Reader
from b2bua.tasks import end_task
from media_relay.redis_link import LINK_ERRORS
from ops.api.models import Node, Record, Relay, Trunk
from ops.api.problems import redis_trouble
from ops.api.text import number, utf8

INTERVAL_S = 0.5
_SYSTEM_EVERY = 2  # looks
_CALLS_AN_EVENT = 500
_ROWS_AT_ONCE = 1000
_SETTLED_A_LOOK = 500
"""Answered calls that are read again at each look, in turn: what they still do (end) is seen by other means."""
_RECORDS_A_LOOK = 1000
_BEHIND_MOST = 240
"""Events that may wait for one watcher: two minutes. One that is slower starts over."""


class WatcherLost(Exception):
    """A watcher was too slow, or the board closes: the stream has to end."""


class _Watcher:
    """The events that wait for one stream."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._is_lost = False

    def tell(self, event: bytes) -> None:
        self._waiting.append(event)
        if len(self._waiting) > _BEHIND_MOST:
            self.lose()
        self._news.set()

    def lose(self) -> None:
        self._waiting.clear()
        self._is_lost = True
        self._news.set()

    async def next(self) -> bytes:
        while not self._waiting:
            if self._is_lost:
                raise WatcherLost
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


class LiveBoard:
    """Follows Redis while there are watchers. ``trunks`` are the configured ones, ``node`` our own name."""

    def __init__(self, redis: Reader, trunks: Sequence[str], node: str) -> None:
        self._redis = redis
        self._trunks = trunks
        self._node = node
        self._streams = 0
        self._follower: asyncio.Task[None] | None = None
        self._forget()

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._streams

    async def events(self) -> AsyncGenerator[bytes, None]:
        """All that is, then all that happens. Raises WatcherLost when the stream has to end."""
        self._streams += 1
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow())
        watcher = _Watcher()
        try:
            await self._has_looked.wait()
            # From here to the snapshot nothing may wait: no event is missed, none is told twice.
            self._watchers.add(watcher)
            rows, system = list(self._rows.values()), self._system
            yield _event("reset", "{}")
            yield system
            for start in range(0, len(rows), _CALLS_AN_EVENT):
                yield _calls_event(rows[start : start + _CALLS_AN_EVENT], ())
            while True:
                yield await watcher.next()
        finally:
            self._watchers.discard(watcher)
            self._streams -= 1
            if not self._streams:
                await self._rest()

    async def close(self) -> None:
        """End every stream."""
        for watcher in self._watchers:
            watcher.lose()
        await self._rest()

    async def _rest(self) -> None:
        follower, self._follower = self._follower, None
        self._forget()
        if follower is not None:
            await end_task(follower)

    def _forget(self) -> None:
        self._watchers: set[_Watcher] = set()
        self._has_looked = asyncio.Event()
        self._rows: dict[str, str] = {}
        """The live calls as JSON."""
        self._unsettled: set[str] = set()
        self._turn: deque[str] = deque()
        """The settled calls, the one to be read next first; those that are over drop out at their turn."""
        self._last_record = ""
        self._system = b""

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        look = 0
        while True:
            started = loop.time()
            trouble = ""
            try:
                await self._look_at_calls()
                await self._look_at_records()
                if look % _SYSTEM_EVERY == 0:
                    await self._look_at_system()
            except LINK_ERRORS as error:
                trouble = redis_trouble(error)
            if trouble:
                self._set_system(_system_event(trouble))
            look = 0 if trouble else look + 1
            self._has_looked.set()
            await asyncio.sleep(max(INTERVAL_S - (loop.time() - started), INTERVAL_S / 5))

    async def _look_at_calls(self) -> None:
        live = await self._redis.live_ids()
        gone = [call_id for call_id in self._rows if call_id not in live]
        for call_id in gone:
            del self._rows[call_id]
        self._unsettled &= live.keys()
        new = [call_id for call_id in live if call_id not in self._rows]
        changed = await self._read([*new, *self._unsettled.intersection(self._rows), *self._next_settled()])
        for start in range(0, max(len(changed), len(gone)), _CALLS_AN_EVENT):
            part = slice(start, start + _CALLS_AN_EVENT)
            self._tell(_calls_event(changed[part], gone[part]))

    async def _read(self, call_ids: Sequence[str]) -> list[str]:
        """Read these calls; returns those that are not as they were."""
        changed: list[str] = []
        for start in range(0, len(call_ids), _ROWS_AT_ONCE):
            batch = call_ids[start : start + _ROWS_AT_ONCE]
            for call_id, row in zip(batch, await self._redis.rows(batch), strict=True):
                if row is None:  # It ends just now; the next look will see it gone.
                    continue
                text = _row(row)
                if self._rows.get(call_id) != text:
                    self._rows[call_id] = text
                    changed.append(text)
                self._file(call_id, is_settled=row.get("state") == "answered")
        return changed

    def _file(self, call_id: str, *, is_settled: bool) -> None:
        if not is_settled:
            self._unsettled.add(call_id)
            return
        self._unsettled.discard(call_id)
        self._turn.append(call_id)

    def _next_settled(self) -> list[str]:
        turn = [self._turn.popleft() for _ in range(min(_SETTLED_A_LOOK, len(self._turn)))]
        return [call_id for call_id in turn if call_id in self._rows and call_id not in self._unsettled]

    async def _look_at_records(self) -> None:
        if not self._last_record:
            self._last_record = await self._redis.last_cdr()
            return
        entries = await self._redis.cdrs_since(self._last_record, _RECORDS_A_LOOK)
        if entries:
            self._last_record = entries[-1]["entry"]
            records = ",".join(Record.of(entry).model_dump_json(by_alias=True) for entry in entries)
            self._tell(_event("records", f'{{"records":[{records}]}}'))

    async def _look_at_system(self) -> None:
        nodes = await self._redis.nodes()
        relays = await self._redis.relays((self._node,))
        trunks = await self._redis.trunks(self._trunks)
        self._set_system(_system_event("", nodes, relays, trunks))

    def _set_system(self, event: bytes) -> None:
        self._system = event
        self._tell(event)

    def _tell(self, event: bytes) -> None:
        for watcher in self._watchers:
            watcher.tell(event)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _calls_event(rows: Sequence[str], gone: Sequence[str]) -> bytes:
    return _event("calls", f'{{"calls":[{",".join(rows)}],"gone":{json.dumps(gone)}}}')


def _row(row: Mapping[str, str]) -> str:
    """A call for the page's list; ``GET /api/v1/calls/{id}`` has the rest."""
    texts = {name: utf8(row.get(name, "")) for name in ("id", "state", "from", "to", "trunk_in", "trunk_out")}
    times = {name: number(row.get(name)) for name in ("created", "answered")}
    return json.dumps({**texts, "node": utf8(row.get("owner", "")), **times}, separators=(",", ":"))


def _system_event(
    trouble: str,
    nodes: Iterable[Mapping[str, str]] = (),
    relays: Iterable[Mapping[str, str]] = (),
    trunks: Iterable[Mapping[str, str]] = (),
) -> bytes:
    lists = {
        "nodes": [Node.of(each).model_dump() for each in nodes],
        "relays": [Relay.of(each).model_dump() for each in relays],
        "trunks": [Trunk.of(each).model_dump() for each in trunks],
    }
    data = {"time": time.time(), "trouble": trouble} | ({} if trouble else lists)
    return _event("system", json.dumps(data, separators=(",", ":")))
