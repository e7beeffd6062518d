"""Live and finished calls through the API."""

import time

import pytest

from tests.support.ops import ACT_TOKEN, StartOps, put_call, put_calls
from tests.support.redis_server import RedisServer

ID = "0123456789abcdef"


def test_a_list_goes_on_where_the_page_before_ended(redis_server: RedisServer, start_ops: StartOps) -> None:
    put_calls(redis_server.client, 7, created=time.time() - 10)
    ops = start_ops(redis_server.url)
    first = ops.ask("/api/v1/calls?limit=5").data
    second = ops.ask(f"/api/v1/calls?limit=5&cursor={first['next']}").data
    listed = [call["id"] for call in first["calls"] + second["calls"]]
    assert listed == [f"{number:016x}" for number in reversed(range(7))]
    assert second["next"] is None
    assert first["calls"][0]["from"] == "+49301"
    assert [call["node"] for call in ops.ask("/api/v1/calls?node=n2&limit=1").data["calls"]] == ["n2"]
    assert ops.ask("/api/v1/calls?state=ringing").data == {"calls": [], "next": None}


def test_a_call_with_ladder_and_quality(redis_server: RedisServer, start_ops: StartOps) -> None:
    client = redis_server.client
    put_call(client, ID, created=time.time(), **{"from": "\udcff<script>"[1:]})
    client.hset(f"call:{{{ID}}}", b"to", b"bad\xffbyte")
    client.xadd(
        f"call:{{{ID}}}:ladder", {"time": "5", "leg": "a", "direction": "in", "peer": "p:1", "summary": "INVITE"}
    )
    stream = {"local": "1.2.3.4:20000", "codec": "PCMA", "packets": "900", "lost": "100", "jitter_ms": "2.0"}
    client.hset(f"call:{{{ID}}}:bindings", mapping={f"audio0.a.{name}": value for name, value in stream.items()})
    ops = start_ops(redis_server.url)
    found = ops.ask(f"/api/v1/calls/{ID}").data
    assert found["call"]["to"] == "bad\\xffbyte"
    assert found["ladder"] == [{"time": 5.0, "leg": "a", "direction": "in", "peer": "p:1", "summary": "INVITE"}]
    (side,) = found["streams"]
    assert (side["name"], side["side"], side["packets"], side["lost"]) == ("audio0.a", "a", 900, 100)
    assert 2.0 < side["mos"] < 3.5
    client.delete(f"call:{{{ID}}}", f"call:{{{ID}}}:bindings")
    ended = ops.ask(f"/api/v1/calls/{ID}").data
    assert (ended["call"], len(ended["ladder"])) == (None, 1)
    assert ops.ask("/api/v1/calls/aaaaaaaaaaaaaaaa").status == 404


def test_hanging_up_is_written_down_and_ordered(redis_server: RedisServer, start_ops: StartOps) -> None:
    client = redis_server.client
    put_call(client, ID, created=time.time())
    ops = start_ops(redis_server.url)
    path = f"/api/v1/calls/{ID}/hangup"
    gone = ops.ask(path, token=ACT_TOKEN, method="POST")
    assert (gone.status, gone.data["detail"]) == (409, "node n1, which owns the call, is not alive")
    client.hset("node:{n1}", "role", "b2bua")
    assert ops.ask(path, token=ACT_TOKEN, method="POST")[:2] == (202, {"call": ID, "node": "n1"})
    ((_, command),) = client.xrange("node:{n1}:commands")
    assert command == {"command": "hangup", "call": ID}
    (entry,) = ops.ask("/api/v1/audit", token=ACT_TOKEN).data["entries"]
    assert {name: entry[name] for name in ("user", "peer", "action", "call", "node")} == {
        "user": "hand",
        "peer": "127.0.0.1",
        "action": "hangup",
        "call": ID,
        "node": "n1",
    }
    assert '"event": "audit"' in ops.process.log_tail()
    assert ops.ask("/api/v1/calls/aaaaaaaaaaaaaaaa/hangup", token=ACT_TOKEN, method="POST").status == 404


def test_finished_calls_page_by_page(redis_server: RedisServer, start_ops: StartOps) -> None:
    for number in range(5):
        redis_server.client.xadd("cdr", {"call": f"c{number}", "status": "200", "duration": "1.5", "from": "a"})
    ops = start_ops(redis_server.url)
    first = ops.ask("/api/v1/cdrs?limit=3").data
    second = ops.ask(f"/api/v1/cdrs?limit=3&before={first['next']}").data
    assert [record["call"] for record in first["records"] + second["records"]] == ["c4", "c3", "c2", "c1", "c0"]
    assert second["next"] is None
    assert (first["records"][0]["duration"], first["records"][0]["status"]) == (1.5, 200)


@pytest.mark.parametrize(
    ("query", "newest"),
    [
        ("", 9999),
        ("?number=4989", 9999),
        ("?trunk=callee&state=answered", 9999),
        ("?node=n1", 9998),
        ("?limit=1", 9999),
    ],
)
def test_the_first_page_of_ten_thousand_calls(
    query: str, newest: int, redis_server: RedisServer, start_ops: StartOps
) -> None:
    put_calls(redis_server.client, 10_000, created=time.time() - 100)
    ops = start_ops(redis_server.url)
    start = time.perf_counter()
    found = ops.ask(f"/api/v1/calls{query}").data
    print(f"{query or 'all'}: {(time.perf_counter() - start) * 1000:.0f} ms")
    assert found["calls"][0]["id"] == f"{newest:016x}"
