from pathlib import Path

import pytest
from redis import Redis

from ops.embedded_redis import EmbeddedRedis
from ops.redis_view import as_redis_cli, read


@pytest.fixture
def redis(tmp_path: Path) -> "Redis":
    with EmbeddedRedis(tmp_path) as server:
        yield Redis.from_url(server.url, decode_responses=True, encoding_errors="surrogateescape")


def test_keys_are_shown_as_redis_cli_shows_them(redis: "Redis") -> None:
    redis.hset("call:{1}", mapping={"state": "answered", "from": 'Zoë "x"\x1b'})
    redis.xadd("call:{1}:ladder", {"leg": "a", "summary": "INVITE"}, id="5-0")
    redis.zadd("node:{n}:calls", {"1": 1.0})
    redis.set("call:{1}:text", "a\r\nb")
    redis.hset("other", "x", "y")
    values = read(redis, "call:{1}*") | read(redis, "node:*")
    assert as_redis_cli(values) == [
        "redis> HGETALL call:{1}",
        ' 1) "state"',
        ' 2) "answered"',
        ' 3) "from"',
        ' 4) "Zoë \\"x\\"\\x1b"',
        "redis> XRANGE call:{1}:ladder - + COUNT 2",
        ' 1) 1) "5-0"',
        '    2)  1) "leg"',
        '        2) "a"',
        '        3) "summary"',
        '        4) "INVITE"',
        "redis> GET call:{1}:text",
        ' 1) "a\\r\\nb"'.removeprefix(" 1) "),
        "redis> ZRANGE node:{n}:calls 0 -1",
        ' 1) "1"',
    ]
