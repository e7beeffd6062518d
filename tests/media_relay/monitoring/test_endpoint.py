"""The endpoint with real sockets: what it answers, and that clients which misbehave cost nobody else anything."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from media_relay.monitoring import endpoint as endpoint_module
from media_relay.monitoring.endpoint import MAX_CONNECTIONS, MAX_REQUEST, MonitoringEndpoint
from media_relay.monitoring.families import Metric, gauge

HOST = "127.0.0.1"


class Watched:
    """A process with an endpoint, and what it says of itself."""

    def __init__(self) -> None:
        self.reason = ""
        self.gathered = 0
        self.endpoint = MonitoringEndpoint((HOST, 0), self._collect, lambda: self.reason)

    async def _collect(self) -> list[Metric]:
        self.gathered += 1
        return [gauge("gathered", "How often.", self.gathered)]

    async def says(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(HOST, self.endpoint.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    async def get(self, path: str) -> tuple[int, str]:
        head, _, body = (await self.says(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()


def run(story: Callable[[Watched], Awaitable[Any]]) -> None:
    async def whole() -> None:
        watched = Watched()
        await watched.endpoint.start()
        try:
            await story(watched)
        finally:
            watched.endpoint.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())


def test_metrics_and_health_are_served() -> None:
    async def story(watched: Watched) -> None:
        status, body = await watched.get("/metrics?x=1")
        assert (status, "gathered 1.0" in body) == (200, True)
        assert await watched.get("/health/live") == (200, "live\n")
        assert await watched.get("/health/ready") == (200, "ready\n")
        watched.reason = "draining"
        assert await watched.get("/health/ready") == (503, "draining\n")
        assert (await watched.get("/health/live"))[0] == 200
        assert (await watched.get("/"))[0] == 404

    run(story)


def test_head_has_no_body_and_other_methods_are_refused() -> None:
    async def story(watched: Watched) -> None:
        head, _, body = (await watched.says(b"HEAD /health/live HTTP/1.1\r\n\r\n")).partition(b"\r\n\r\n")
        assert b"Content-Length: 5" in head
        assert body == b""
        assert (await watched.says(b"POST /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")

    run(story)


def test_metrics_are_not_gathered_for_each_of_many_at_once() -> None:
    async def story(watched: Watched) -> None:
        await asyncio.gather(*(watched.get("/metrics") for _ in range(MAX_CONNECTIONS // 2)))
        assert watched.gathered == 1

    run(story)


@pytest.mark.parametrize(
    "garbage",
    [b"\r\n\r\n", b" \r\n\r\n", b"\x00\xff\x16\x03\x01\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics", b""],
    ids=["empty", "blank", "binary", "no target", "cut off", "nothing"],
)
def test_garbage_is_refused_and_forgotten(garbage: bytes) -> None:
    async def story(watched: Watched) -> None:
        reader, writer = await asyncio.open_connection(HOST, watched.endpoint.port)
        writer.write(garbage)
        writer.write_eof()
        assert b" 200 " not in await reader.read()
        assert (await watched.get("/health/live"))[0] == 200
        writer.close()

    run(story)


def test_an_endless_request_is_cut_off() -> None:
    async def story(watched: Watched) -> None:
        reader, writer = await asyncio.open_connection(HOST, watched.endpoint.port)
        writer.write(b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * MAX_REQUEST)
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""  # its reset overtook its answer
        assert b" 200 " not in answer
        writer.close()

    run(story)


def test_slow_clients_are_cut_off_and_a_crowd_shuts_nobody_out_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "PATIENCE_S", 0.2)

    async def story(watched: Watched) -> None:
        crowd = [await asyncio.open_connection(HOST, watched.endpoint.port) for _ in range(MAX_CONNECTIONS + 5)]
        for _, writer in crowd:
            writer.write(b"GET /metr")
        for reader, writer in crowd:
            try:
                assert await reader.read() == b""
            except ConnectionError:
                pass  # aborted, as it should be
            writer.close()
        assert (await watched.get("/health/live"))[0] == 200

    run(story)


def test_an_address_in_use_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "RETRY_S", 0.02)

    async def story() -> None:
        with socket.socket() as other:
            other.bind((HOST, 0))
            other.listen()
            address: tuple[str, int] = other.getsockname()
            watched = Watched()
            watched.endpoint = MonitoringEndpoint(address, watched._collect, lambda: "")
            await watched.endpoint.start()
            assert watched.endpoint.port == 0
        async with asyncio.timeout(5):
            while not watched.endpoint.port:
                await asyncio.sleep(0.01)
        assert (await watched.get("/health/live"))[0] == 200
        watched.endpoint.close()

    asyncio.run(story())


def test_a_fault_in_gathering_costs_that_scrape_alone() -> None:
    async def story(watched: Watched) -> None:
        async def fail() -> list[Metric]:
            raise RuntimeError("a counter is gone")

        watched.endpoint._collect = fail
        assert await watched.says(b"GET /metrics HTTP/1.1\r\n\r\n") == b""
        assert (await watched.get("/health/live"))[0] == 200

    run(story)
