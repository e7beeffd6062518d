"""Follow one Redis stream: how the ops API and the relays speak to a B2BUA node."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from b2bua.tasks import end_task
from media_relay import redis_link

_BLOCK_S = 5.0
_RETRY_S = 1.0
_BATCH = 100

log = structlog.get_logger(__name__)


class StreamReader:
    """Hands on what is added to ``key`` from now on, each entry once, on a connection of its own.

    What was added before the first contact is not for us: it was said to an earlier life. While Redis is away nothing
    is lost but what Redis loses. Raises RedisUrlError for a URL that cannot be understood.
    """

    def __init__(self, url: str, key: str, on_entry: Callable[[dict[str, str]], None]) -> None:
        self._client = redis_link.connect(url, timeout_s=2 * _BLOCK_S)
        self._key = key
        self._on_entry = on_entry
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow; needs a running loop."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop following and disconnect."""
        if self._task is not None:
            await end_task(self._task)
        await self._client.aclose()

    async def _follow(self) -> None:
        last: str | None = None
        while True:
            try:
                if last is None:
                    last = await self._newest()
                answer: Any = await self._client.xread({self._key: last}, count=_BATCH, block=int(_BLOCK_S * 1000))
                for entry_id, fields in answer[0][1] if answer else ():
                    last = entry_id
                    self._hand_on(fields)
            except redis_link.LINK_ERRORS:  # the journal, on its own connection, says that Redis is away
                await asyncio.sleep(_RETRY_S)

    async def _newest(self) -> str:
        newest = await self._client.xrevrange(self._key, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def _hand_on(self, fields: dict[str, str]) -> None:
        try:
            self._on_entry(fields)
        except Exception:  # one bad command must not make the node deaf
            log.exception("stream-entry-failed", key=self._key, fields=sorted(fields))
