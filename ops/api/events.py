"""``/api/v1/events``: the server-sent events of ``ops.api.live``, for any number of watchers and for slow ones."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from ops.api.access import READING, Reader
from ops.api.backend import Uses
from ops.api.live import WatcherLost
from ops.api.problems import RETRY_AFTER_S, Refusal

router = APIRouter(prefix="/api/v1", tags=["events"])

STREAMS_MOST = 3000
_SLOW_S = 20.0
"""A client that takes nothing for so long is dropped."""

streams_end = asyncio.Event()
"""Set when the process is to end: every stream ends at once."""


class EventStream(Response):
    """Sends events that are encoded already; ends with the client, with the process, or when the events end."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})  # nginx would wait for a full buffer
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        tasks = [asyncio.create_task(each) for each in (self._pump(send), _until_gone(receive))]
        ending = asyncio.create_task(streams_end.wait())
        await asyncio.wait((*tasks, ending), return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, ending):
            task.cancel()
        await asyncio.gather(*tasks, ending, return_exceptions=True)
        with contextlib.suppress(OSError):  # the client may be gone
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        async with contextlib.aclosing(self._events) as events:
            with contextlib.suppress(WatcherLost):
                async for event in events:
                    async with asyncio.timeout(_SLOW_S):
                        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/events",
    status_code=200,  # FastAPI would look for it in the constructor of the response class
    response_class=EventStream,
    responses={**READING, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_events(user: Reader, backend: Uses) -> EventStream:
    """All live calls, then all that happens, as server-sent events.

    `reset`: forget all calls, those that follow are all there are. `calls`: `calls` that are new or changed, and the
    IDs of those that are `gone`. `records`: calls that have finished. `system`, about once a second: nodes, relays,
    trunks, and `trouble`: why Redis does not answer, else empty.
    """
    if backend.live.streams >= STREAMS_MOST:
        raise Refusal(503, "too many event streams", headers={"Retry-After": str(RETRY_AFTER_S)})
    return EventStream(backend.live.events())
