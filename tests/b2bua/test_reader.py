import asyncio
import time

import pytest

from b2bua.reader import CallFilter, CallPage, Position, Reader
from media_relay import redis_link
from tests.support.ops import put_call, put_calls
from tests.support.redis_server import RedisServer

NOW = time.time()


def pages(url: str, wanted: CallFilter, limit: int, most: int = 100) -> list[CallPage]:
    """Every page from the first to the last."""

    async def read() -> list[CallPage]:
        client = redis_link.connect(url)
        try:
            reader = Reader(client)
            found = [await reader.page(wanted, limit)]
            while found[-1].next is not None and len(found) < most:
                found.append(await reader.page(wanted, limit, found[-1].next))
            return found
        finally:
            await client.aclose()

    return asyncio.run(read())


def ids(found: list[CallPage]) -> list[str]:
    return [call["id"] for page in found for call in page.calls]


def test_pages_run_from_the_newest_to_the_oldest_of_all_nodes(redis_server: RedisServer) -> None:
    put_calls(redis_server.client, 25, created=NOW - 100)
    found = pages(redis_server.url, CallFilter(), 10)
    assert [len(page.calls) for page in found] == [10, 10, 5]
    assert ids(found) == [f"{number:016x}" for number in reversed(range(25))]
    assert found[0].next == Position(pytest.approx(NOW - 100 + 0.015), f"{15:016x}")


@pytest.mark.parametrize("limit", [1, 3, 7, 40])
def test_calls_of_the_same_moment_are_each_on_one_page(redis_server: RedisServer, limit: int) -> None:
    for number in range(20):
        put_call(redis_server.client, f"call{number:04}", node=f"n{number % 3}", created=NOW)
    found = ids(pages(redis_server.url, CallFilter(), limit))
    assert sorted(found) == [f"call{number:04}" for number in range(20)]


def test_what_ended_meanwhile_leaves_no_hole_in_the_way(redis_server: RedisServer) -> None:
    put_calls(redis_server.client, 10, created=NOW - 100)
    for number in (9, 5, 4):
        redis_server.client.delete(f"call:{{{number:016x}}}")
    assert ids(pages(redis_server.url, CallFilter(), 2)) == [f"{number:016x}" for number in (8, 7, 6, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CallFilter(number="8912"), ["b"]),
        (CallFilter(number="ALI"), ["c"]),
        (CallFilter(trunk="pbx"), ["b", "a"]),
        (CallFilter(node="n2"), ["c"]),
        (CallFilter(node="nobody"), []),
        (CallFilter(state="ringing"), ["b"]),
        (CallFilter(older_than_s=50), ["a"]),
        (CallFilter(younger_than_s=50), ["c", "b"]),
        (CallFilter(trunk="pbx", younger_than_s=50), ["b"]),
    ],
)
def test_filters(redis_server: RedisServer, wanted: CallFilter, expected: list[str]) -> None:
    client, now = redis_server.client, time.time()
    put_call(client, "a", created=now - 60, trunk_in="pbx")
    put_call(client, "b", created=now - 40, trunk_out="pbx", to="+498912", state="ringing")
    put_call(client, "c", created=now - 20, node="n2", **{"from": "Alice"})
    assert ids(pages(redis_server.url, wanted, 10)) == expected


def test_a_rare_match_is_looked_for_a_bit_at_a_time(redis_server: RedisServer) -> None:
    put_calls(redis_server.client, 2500, created=NOW - 100)
    redis_server.client.hset(f"call:{{{3:016x}}}", "from", "rare")
    found = pages(redis_server.url, CallFilter(number="rare"), 10)
    assert [len(page.calls) for page in found] == [0, 0, 1]
    assert ids(found) == [f"{3:016x}"]
