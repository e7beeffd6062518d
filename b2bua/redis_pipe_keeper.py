"""Keep a pipe to Redis open: connect, watch, connect again."""

import asyncio
import random
from collections.abc import Callable

import structlog

from b2bua.redis_pipe import Pipe, open_pipe
from b2bua.tasks import end_task
from media_relay import redis_link

log = structlog.get_logger(__name__)


class PipeKeeper:
    """Opens pipes to ``url``, one after the other, for as long as it runs.

    ``on_open(pipe)`` and ``on_lost()`` alternate; ``on_beat(pipe)`` is called at once and then every ``beat_s`` in
    between. A pipe whose oldest batch has waited for ``stall_s`` is given up. Pauses between attempts grow from
    ``retry_first_s`` to ``retry_most_s``, and shrink again after a connection that lasted.
    """

    def __init__(
        self,
        url: str,
        *,
        on_open: Callable[[Pipe], None],
        on_beat: Callable[[Pipe], None],
        on_lost: Callable[[], None],
        beat_s: float,
        stall_s: float,
        retry_first_s: float,
        retry_most_s: float,
    ) -> None:
        self._url = url
        self._on_open = on_open
        self._on_beat = on_beat
        self._on_lost = on_lost
        self._beat_s = beat_s
        self._stall_s = stall_s
        self._retry_first_s = retry_first_s
        self._retry_most_s = retry_most_s
        self._attempted = asyncio.Event()
        self._is_away = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; returns after the first attempt, whether Redis was there or not."""
        self._task = asyncio.create_task(self._keep())
        attempted = asyncio.create_task(self._attempted.wait())
        await asyncio.wait([self._task, attempted], return_when=asyncio.FIRST_COMPLETED)
        attempted.cancel()
        if self._task.done():
            self._task.result()  # a URL that leads nowhere

    async def stop(self) -> None:
        """Close the pipe and end. ``on_lost`` is not called any more."""
        if self._task is not None:
            await end_task(self._task)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        retry_s = self._retry_first_s
        while True:
            opened_at = loop.time()
            self._note(await self._use_a_pipe())
            if loop.time() - opened_at > self._retry_most_s:
                retry_s = self._retry_first_s
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.0))  # the nodes of a cluster shall not come as one
            retry_s = min(2 * retry_s, self._retry_most_s)

    async def _use_a_pipe(self) -> str:
        """Open one and keep it for as long as it lasts. Returns why it ended, or never came to be."""
        try:
            pipe = await open_pipe(self._url)
        except redis_link.LINK_ERRORS as error:
            self._attempted.set()
            return str(error) or type(error).__name__
        try:
            self._on_open(pipe)
            self._attempted.set()
            reason = await self._watch(pipe)
        finally:
            await pipe.close()
        self._on_lost()
        return reason

    async def _watch(self, pipe: Pipe) -> str:
        while not pipe.lost.done():
            self._on_beat(pipe)
            await asyncio.wait([pipe.lost], timeout=self._beat_s)
            if self._is_away and not pipe.lost.done():  # it has not only connected: it took what we wrote
                log.info("redis-back")
                self._is_away = False
            if pipe.waiting_s > self._stall_s:
                pipe.fail(f"no answer for {self._stall_s:g} s")
        return pipe.lost.result()

    def _note(self, reason: str) -> None:
        if not self._is_away:  # once an outage, not once an attempt
            log.warning("redis-away", reason=reason)
            self._is_away = True
