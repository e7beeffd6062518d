"""Follows the stream ``cdr`` and hands every record to one sink, each once, also over crashes and outages of Redis."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog

from b2bua.keys import Keys
from media_relay import redis_link
from ops.cdr.journal_file import START

_BATCH = 500
_BLOCK_S = 2.0
_RETRY_S = 1.0
_REMEMBERED = 5000
"""Calls among which one can stand twice: a node repeats what was on its way when it lost Redis."""

log = structlog.get_logger("cdr")

Record = tuple[str, Mapping[str, str]]
"""The entry's place in the stream, and its fields."""


class Sink(Protocol):
    """Takes records for good."""

    @property
    def entry(self) -> str:
        """The last entry that was taken for good."""

    def take(self, records: Sequence[Record], entry: str) -> None:
        """Take these; ``entry`` is the place up to which all are taken then. Raises OSError: they come again."""

    async def ready(self) -> None:
        """Wait until there is room."""


class Follower:
    """Feeds one sink from the stream."""

    def __init__(self, url: str, prefix: str, sink: Sink) -> None:
        self._client: Any = redis_link.connect(url, timeout_s=2 * _BLOCK_S)
        self._key = Keys(prefix).cdr
        self._sink = sink
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """Follow until cancelled."""
        is_known = False
        try:
            while True:
                try:
                    if not is_known:
                        await self._remember()
                        is_known = True
                    await self._sink.ready()
                    await self._step()
                except redis_link.LINK_ERRORS as error:  # An OSError of the sink is one of them.
                    log.warning("cdr-waiting", error=str(error))
                    await asyncio.sleep(_RETRY_S)
        finally:
            await self._client.aclose()

    async def _step(self) -> None:
        answer = await self._client.xread({self._key: self._sink.entry}, count=_BATCH, block=int(_BLOCK_S * 1000))
        entries: list[Record] = answer[0][1] if answer else []
        if not entries:
            return
        calls = [fields.get("call") or entry for entry, fields in entries]
        fresh: dict[str, Record] = {}
        for call, record in zip(calls, entries, strict=True):
            if call not in self._seen:
                fresh.setdefault(call, record)
        self._sink.take(list(fresh.values()), entries[-1][0])
        for call in fresh:  # Only now: what was not taken comes again.
            self._seen[call] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    async def _remember(self) -> None:
        """The calls shortly before the place where the last life ended."""
        place = self._sink.entry
        before = await self._client.xrevrange(self._key, max=place, count=_REMEMBERED)
        self._seen = OrderedDict.fromkeys(fields.get("call") or entry for entry, fields in reversed(before))
        if place != START and (not before or before[0][0] != place):
            log.error("cdrs-may-be-missing", reason="the stream no longer goes back to where the last life ended")
