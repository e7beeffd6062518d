"""Read calls, nodes, trunks and phones out of Redis, and ask nodes to hang up: for everybody but the nodes themselves.

Nothing is scanned: ``nodes`` names the nodes, each node's sorted set names its calls. All keys: ``b2bua.keys``.
"""

import heapq
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from redis.asyncio import Redis, RedisCluster

from b2bua.keys import Keys
from media_relay.bindings import relay_key

ROW_FIELDS = (
    *("state", "owner", "epoch", "from", "to", "call_id_a", "call_id_b", "trunk_in", "trunk_out", "relay"),
    *("created", "answered", "ended", "reason"),
)
"""What a call's hash holds (``b2bua.call_record``)."""

_AT_ONCE = 1000  # calls a round trip
_LOOKED_AT_MOST = 1000  # calls a page: a rare match must keep neither Redis nor who asks for long
_FILTERED = ("from", "to", "trunk_in", "trunk_out", "state")
_COMMANDS_KEPT = 1000
_COMMANDS_KEPT_S = 3600

# KEYS hashes. ARGV field names. One command for a thousand hashes costs a tenth of a thousand commands.
_READ_HASHES = """
local rows = {}
for i, key in ipairs(KEYS) do rows[i] = redis.call('HMGET', key, unpack(ARGV)) end
return rows
"""


class UnknownCallError(LookupError):
    """No live call has this ID."""


class NodeGoneError(RuntimeError):
    """The node that owns the call is not alive, so nobody would act."""


class Position(NamedTuple):
    """A place in the list of all live calls, which runs from the newest to the oldest."""

    created: float
    call_id: str


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; what is empty or None does not matter. Ages are in seconds."""

    number: str = ""
    """Part of the calling or the called number, in any case."""
    trunk: str = ""
    node: str = ""
    state: str = ""
    older_than_s: float | None = None
    younger_than_s: float | None = None

    @property
    def needs_fields(self) -> bool:
        """Whether a call has to be read to know; node and age are known from the index."""
        return bool(self.number or self.trunk or self.state)

    def takes(self, fields: Mapping[str, str]) -> bool:
        """Whether a call is wanted, as far as its fields tell."""
        number = self.number.casefold()
        return (
            (not number or number in fields["from"].casefold() or number in fields["to"].casefold())
            and (not self.trunk or self.trunk in (fields["trunk_in"], fields["trunk_out"]))
            and (not self.state or self.state == fields["state"])
        )


class CallPage(NamedTuple):
    """Calls from the newest to the oldest; ``next`` is where the following page begins, None after the last.

    A page may be short, even empty, and still have a next: only so many calls are looked at for one page.
    """

    calls: list[dict[str, str]]
    next: Position | None


class Reader:
    """Every method raises one of ``redis_link.LINK_ERRORS`` when Redis is away. Hashes come as they are."""

    def __init__(self, client: "Redis | RedisCluster", prefix: str = "") -> None:
        self.keys = Keys(prefix)
        self._client: Any = client  # redis-py's annotations mix blocking and awaited answers
        self._is_cluster = isinstance(client, RedisCluster)

    async def node_names(self) -> list[str]:
        """All nodes that live or own calls."""
        names: list[str] = await self._client.zrange(self.keys.nodes, 0, -1)
        return names

    async def call_ids(self) -> list[str]:
        """All live calls, the oldest first. Calls of a node that died are among them until their lease ends."""
        ids: dict[str, float] = {}
        for node in await self.node_names():
            ids.update(await self._client.zrange(self.keys.node_calls(node), 0, -1, withscores=True))
        return sorted(ids, key=lambda call_id: ids[call_id])

    async def live_ids(self) -> dict[str, None]:
        """All live calls in no order but a steady one; one round trip for all nodes."""
        pipeline = self._client.pipeline(transaction=False)
        for node in await self.node_names():
            pipeline.zrange(self.keys.node_calls(node), 0, -1)
        return dict.fromkeys(call_id for ids in await pipeline.execute() for call_id in ids)

    async def rows(self, call_ids: Sequence[str]) -> list[dict[str, str] | None]:
        """The ``ROW_FIELDS`` of each call, and its ``id``; None for those that have ended."""
        values = await self._fields([self.keys.call(call_id) for call_id in call_ids], ROW_FIELDS)
        return [
            {"id": call_id} | {name: value for name, value in zip(ROW_FIELDS, row, strict=True) if value is not None}
            if any(row)
            else None
            for call_id, row in zip(call_ids, values, strict=True)
        ]

    async def page(self, wanted: CallFilter, limit: int, start: Position | None = None) -> CallPage:
        """Up to ``limit`` (1 or more) live calls after ``start``."""
        nodes = [wanted.node] if wanted.node else await self.node_names()
        now = time.time()
        youngest = now - wanted.older_than_s if wanted.older_than_s is not None else float("inf")
        oldest = now - wanted.younger_than_s if wanted.younger_than_s is not None else float("-inf")
        at_once = _AT_ONCE if wanted.needs_fields else limit
        found: list[Position] = []
        looked_at, is_last = 0, False
        while len(found) < limit and looked_at < _LOOKED_AT_MOST and not is_last:
            positions = await self._positions(nodes, start, youngest, oldest, at_once)
            found += await self._matching(positions, wanted) if wanted.needs_fields else positions
            looked_at += len(positions)
            start = positions[-1] if positions else start
            is_last = len(positions) < at_once
        if len(found) > limit or (len(found) == limit and not is_last):
            start, is_last = found[limit - 1], False
        rows = await self.rows([each.call_id for each in found[:limit]])
        return CallPage([row for row in rows if row is not None], None if is_last else start)

    async def call(self, call_id: str) -> dict[str, Any]:
        """A call with all there is: ``id``, the hashes ``fields``, ``dialog`` and ``bindings``, the list ``ladder``.

        Each line of the ladder has ``time`` (Unix time), ``leg``, ``direction``, ``peer`` and ``summary``. Of an ended
        call only the ladder is left, for a while. Raises UnknownCallError if there is nothing.
        """
        keys = self.keys
        pipeline = self._client.pipeline(transaction=False)
        for key in (keys.call(call_id), keys.dialog(call_id), keys.bindings(call_id)):
            pipeline.hgetall(key)
        pipeline.xrange(keys.ladder(call_id))
        fields, dialog, bindings, entries = await pipeline.execute()
        if not (fields or dialog or bindings or entries):
            raise UnknownCallError(call_id)
        # An entry whose answer got lost with a connection was sent again, and may stand there twice.
        ladder = list({tuple(entry.items()): entry for _, entry in entries}.values())
        return {"fields": fields, "dialog": dialog, "bindings": bindings, "id": call_id, "ladder": ladder}

    async def owner(self, call_id: str) -> str:
        """The living node that has the call. Raises UnknownCallError, or NodeGoneError."""
        owner: str | None = await self._client.hget(self.keys.call(call_id), "owner")
        if owner is None:
            raise UnknownCallError(call_id)
        if not await self._client.exists(self.keys.node(owner)):
            raise NodeGoneError(f"node {owner}, which owns the call, is not alive")
        return owner

    async def order_hangup(self, call_id: str, owner: str) -> None:
        """Ask a node to end a call. That it ended is seen by looking at the call."""
        stream = self.keys.node_commands(owner)
        command = {"command": "hangup", "call": call_id}
        await self._client.xadd(stream, command, maxlen=_COMMANDS_KEPT, approximate=True)
        await self._client.expire(stream, _COMMANDS_KEPT_S)

    async def nodes(self) -> list[dict[str, str]]:
        """The B2BUA nodes by name; ``alive`` is ``yes`` or ``no``."""
        names = sorted(await self.node_names())
        hashes = await self._hashes(map(self.keys.node, names))
        return [
            {"name": name, "alive": "yes" if fields else "no"} | fields
            for name, fields in zip(names, hashes, strict=True)
        ]

    async def relays(self, names: Iterable[str] = ()) -> list[dict[str, str]]:
        """The relays that live and are called like a node, or like one of ``names``."""
        wanted = sorted({*names, *await self.node_names()})
        hashes = await self._hashes(relay_key(self.keys.prefix, name) for name in wanted)
        return [{"name": name} | fields for name, fields in zip(wanted, hashes, strict=True) if fields]

    async def trunks(self, names: Iterable[str]) -> list[dict[str, str]]:
        """What the nodes say of these trunks; nothing but the ``name`` of one that no node has spoken of."""
        wanted = list(names)
        hashes = await self._hashes(map(self.keys.trunk, wanted))
        return [{"name": name} | fields for name, fields in zip(wanted, hashes, strict=True)]

    async def registrations(self, limit: int | None = None, offset: int = 0) -> list[dict[str, str]]:
        """The registered phones by AOR; with a ``limit`` so many of them, those that expire first."""
        last = -1 if limit is None else offset + limit - 1
        aors = sorted(await self._client.zrange(self.keys.registrations, offset, last))
        hashes = await self._hashes(map(self.keys.registration, aors))
        return [{"aor": aor} | fields for aor, fields in zip(aors, hashes, strict=True) if fields]

    async def registration_count(self) -> int:
        """How many phones are registered."""
        return int(await self._client.zcount(self.keys.registrations, time.time(), "+inf"))

    async def cdrs(self, count: int, before: str = "") -> list[dict[str, str]]:
        """The last ``count`` finished calls, the latest first, each once; ``entry`` is the place in the stream.

        ``before``: those older than that place.
        """
        newest = f"({before}" if before else "+"
        entries = await self._client.xrevrange(self.keys.cdr, max=newest, count=count)
        once = {fields["call"]: {"entry": entry} | fields for entry, fields in reversed(entries) if "call" in fields}
        return list(reversed(once.values()))

    async def cdrs_since(self, entry: str, most: int) -> list[dict[str, str]]:
        """Up to ``most`` finished calls after a place in the stream, the oldest first; a few may stand there twice."""
        found = await self._client.xrange(self.keys.cdr, min=f"({entry}", count=most)
        return [{"entry": place} | fields for place, fields in found]

    async def last_cdr(self) -> str:
        """The place of the newest finished call in the stream."""
        newest = await self._client.xrevrange(self.keys.cdr, count=1)
        return str(newest[0][0]) if newest else "0-0"

    async def _positions(
        self, nodes: Sequence[str], start: Position | None, youngest: float, oldest: float, count: int
    ) -> list[Position]:
        """The next ``count`` calls of all nodes after ``start``."""
        newest_score = min(youngest, start.created) if start is not None else youngest
        streams: list[list[Position]] = []
        skip = 0
        while nodes:
            pipeline = self._client.pipeline(transaction=False)
            for node in nodes:
                key = self.keys.node_calls(node)
                pipeline.zrevrangebyscore(key, newest_score, oldest, start=skip, num=count, withscores=True)
            answers = await pipeline.execute()
            # A start is found again by its score. With more calls of that very score than fit, look further.
            nodes_to_ask = []
            for node, answer in zip(nodes, answers, strict=True):
                places = [Position(score, call_id) for call_id, score in answer]
                new = [place for place in places if start is None or place < start]
                streams.append(new)
                if len(new) < len(places) == count:
                    nodes_to_ask.append(node)
            nodes = nodes_to_ask
            skip += count
        merged = dict.fromkeys(heapq.merge(*streams, reverse=True))  # A call on its way to another node is in two sets.
        return list(islice(merged, count))

    async def _matching(self, positions: Sequence[Position], wanted: CallFilter) -> list[Position]:
        rows = await self._fields([self.keys.call(each.call_id) for each in positions], _FILTERED)
        return [
            position
            for position, row in zip(positions, rows, strict=True)
            if wanted.takes({name: value or "" for name, value in zip(_FILTERED, row, strict=True)})
        ]

    async def _fields(self, keys: Sequence[str], names: Sequence[str]) -> list[list[str | None]]:
        found: list[list[str | None]] = []
        for start in range(0, len(keys), _AT_ONCE):
            batch = keys[start : start + _AT_ONCE]
            if self._is_cluster:  # no script may touch keys of several slots
                pipeline = self._client.pipeline(transaction=False)
                for key in batch:
                    pipeline.hmget(key, names)
                found.extend(await pipeline.execute())
            else:
                found.extend(await self._client.eval(_READ_HASHES, len(batch), *batch, *names))
        return found

    async def _hashes(self, keys: Iterable[str]) -> list[dict[str, str]]:
        wanted, found = list(keys), []
        for start in range(0, len(wanted), _AT_ONCE):
            pipeline = self._client.pipeline(transaction=False)
            for key in wanted[start : start + _AT_ONCE]:
                pipeline.hgetall(key)
            found.extend(await pipeline.execute())
        return found
