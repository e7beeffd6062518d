"""The HTTP server that monitoring asks, on the loop that it watches. Shell.

``GET /metrics`` is for Prometheus. ``/health/live`` answers as long as the loop turns; ``/health/ready`` is 200 while
new calls are taken, else 503 and the reason. One request a connection. Whoever is slow, sends too much or comes in a
crowd is cut off, and an address that cannot be bound is tried again: monitoring never stops a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

import structlog

from media_relay.monitoring.families import CONTENT_TYPE_LATEST, Metric, render

PATIENCE_S: Final = 5.0
"""For a whole exchange, whichever side is slow."""
MAX_REQUEST: Final = 8192
MAX_CONNECTIONS: Final = 32
SHORTEST_INTERVAL_S: Final = 0.25
"""Metrics are not gathered more often than this; who asks sooner gets those of before."""
RETRY_S: Final = 5.0

Collect = Callable[[], Awaitable[Iterable[Metric]]]

log = structlog.get_logger("monitoring")


class _Answer(NamedTuple):
    status: str
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class MonitoringEndpoint:
    """``collect`` gathers the metrics; ``unready`` says why no calls are taken, or nothing while they are."""

    def __init__(self, address: tuple[str, int], collect: Collect, unready: Callable[[], str]) -> None:
        self._address = address
        self._collect = collect
        self._unready = unready
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._gathering = asyncio.Lock()
        self._page = b""
        self._gathered_at = float("-inf")

    @property
    def port(self) -> int:
        """The port that is bound; 0 before."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    async def start(self) -> None:
        """Serve from now on, or as soon as the address is free."""
        if not await self._open():
            self._opening = asyncio.create_task(self._keep_opening())

    def close(self) -> None:
        """Stop at once."""
        if self._opening is not None:
            self._opening.cancel()
        if self._server is not None:
            self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()

    async def _open(self) -> bool:
        host, port = self._address
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_REQUEST)
        except OSError as error:
            log.error("monitoring-unavailable", listen=f"{host}:{port}", error=str(error))
            return False
        return True

    async def _keep_opening(self) -> None:
        while not await self._open():
            await asyncio.sleep(RETRY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(writer)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._exchange(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # whatever it was, it is the client's affair
        except Exception:
            log.exception("monitoring-failed")
        finally:
            writer.transport.abort()
            self._connections.discard(writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            answer, has_body = _Answer("431 Request Header Fields Too Large", b"too large\n"), True
        else:
            method, _, rest = head.partition(b" ")
            answer, has_body = await self._answer(method, rest.partition(b" ")[0]), method != b"HEAD"
        writer.write(_heading(answer))
        if has_body:
            writer.write(answer.body)
        writer.close()
        await writer.wait_closed()

    async def _answer(self, method: bytes, target: bytes) -> _Answer:
        if method not in (b"GET", b"HEAD"):
            return _Answer("405 Method Not Allowed", b"only GET and HEAD\n")
        match target.partition(b"?")[0]:
            case b"/metrics":
                return _Answer("200 OK", await self._metrics(), CONTENT_TYPE_LATEST)
            case b"/health/live":
                return _Answer("200 OK", b"live\n")
            case b"/health/ready":
                reason = self._unready()
                return _Answer("503 Service Unavailable", f"{reason}\n".encode()) if reason else _READY
        return _Answer("404 Not Found", b"there are /metrics, /health/live and /health/ready\n")

    async def _metrics(self) -> bytes:
        clock = asyncio.get_running_loop().time
        async with self._gathering:
            if clock() - self._gathered_at >= SHORTEST_INTERVAL_S:
                self._page = await render(await self._collect())
                self._gathered_at = clock()
            return self._page


_READY = _Answer("200 OK", b"ready\n")


def _heading(answer: _Answer) -> bytes:
    lines = (
        f"HTTP/1.1 {answer.status}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()
