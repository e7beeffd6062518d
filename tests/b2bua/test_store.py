import asyncio
import time

import pytest

from b2bua.store import CallStore, NodeGoneError, StoreError, UnknownCallError
from tests.support.journal import JournalledNode, line, run, until
from tests.support.redis_server import RedisServer


def test_calls_of_all_nodes_by_age(redis_server: RedisServer) -> None:
    client = redis_server.client
    client.zadd("nodes", {"n1": 1, "n2": 2})
    for node, call_id, start in (("n1", "new", 30), ("n2", "old", 10), ("n1", "middle", 20), ("n2", "vanished", 5)):
        client.zadd(f"node:{{{node}}}:calls", {call_id: start})
        if call_id != "vanished":
            client.hset(f"call:{{{call_id}}}", mapping={"owner": node})
    with CallStore(redis_server.url) as store:
        assert store.calls() == [
            {"id": "old", "owner": "n2"},
            {"id": "middle", "owner": "n1"},
            {"id": "new", "owner": "n1"},
        ]


def test_a_call_with_everything_and_each_line_once(redis_server: RedisServer) -> None:
    client = redis_server.client

    async def story() -> None:
        async with JournalledNode(redis_server.url) as node:
            node.place("4f2a", **{"a.tag": "x"})
            twice = line("180")
            node.journal.ladder("4f2a", twice)
            node.journal.ladder("4f2a", twice)
            await node.flushed()

    run(story())
    client.hset("call:{4f2a}:bindings", "audio0.a.local", "192.0.2.1:4000")
    with CallStore(redis_server.url) as store:
        call = store.call("4f2a")
    assert call["id"] == "4f2a"
    assert call["fields"]["owner"] == "n1"
    assert call["dialog"] == {"a.tag": "x"}
    assert call["bindings"] == {"audio0.a.local": "192.0.2.1:4000"}
    assert [entry["summary"] for entry in call["ladder"]] == ["INVITE", "180"]
    assert abs(float(call["ladder"][0]["time"]) - time.time()) < 60


def test_what_nobody_knows(redis_server: RedisServer) -> None:
    with CallStore(redis_server.url) as store:
        with pytest.raises(UnknownCallError):
            store.call("nope")
        with pytest.raises(UnknownCallError):
            store.hangup("nope")
        assert store.calls() == store.nodes() == store.registrations() == store.cdrs(10) == []


def test_hangup_reaches_the_owner(redis_server: RedisServer) -> None:
    def hang_up() -> str:
        with CallStore(redis_server.url) as store:
            return store.hangup("4f2a")

    async def story() -> None:
        async with JournalledNode(redis_server.url) as node:
            node.place("4f2a")
            await node.flushed()
            await until(
                lambda: any(client["cmd"] == "xread" for client in redis_server.client.client_list()), "it listens"
            )
            assert await asyncio.to_thread(hang_up) == "n1"
            await until(lambda: node.commands == [{"command": "hangup", "call": "4f2a"}], "the command")
            assert redis_server.client.ttl("node:{n1}:commands") > 0

    run(story())


def test_hangup_of_a_call_whose_owner_is_gone_says_so(redis_server: RedisServer) -> None:
    redis_server.client.hset("call:{4f2a}", "owner", "n9")
    with CallStore(redis_server.url) as store, pytest.raises(NodeGoneError, match="n9"):
        store.hangup("4f2a")


def test_nodes_alive_and_not(redis_server: RedisServer) -> None:
    redis_server.client.zadd("nodes", {"n1": 1, "n2": 2})
    redis_server.client.hset("node:{n2}", "role", "b2bua")
    with CallStore(redis_server.url) as store:
        assert store.nodes() == [{"name": "n1", "alive": "no"}, {"name": "n2", "alive": "yes", "role": "b2bua"}]


def test_registrations_that_are_over_are_not_shown(redis_server: RedisServer) -> None:
    redis_server.client.zadd("registrations", {"alice@x": 1, "bob@x": 2})
    redis_server.client.hset("registration:{bob@x}", "contact", "sip:bob@192.0.2.9")
    with CallStore(redis_server.url) as store:
        assert store.registrations() == [{"aor": "bob@x", "contact": "sip:bob@192.0.2.9"}]


def test_the_last_cdrs_each_once(redis_server: RedisServer) -> None:
    for call_id in ("a", "b", "b", "c"):
        redis_server.client.xadd("cdr", {"call": call_id})
    with CallStore(redis_server.url) as store:
        assert [cdr["call"] for cdr in store.cdrs(3)] == ["c", "b"]
        assert [cdr["call"] for cdr in store.cdrs(10)] == ["c", "b", "a"]


def test_redis_away_is_one_clear_error(redis_server: RedisServer) -> None:
    with CallStore(redis_server.url) as store:
        redis_server.kill()
        with pytest.raises(StoreError, match="Redis is away"):
            store.calls()
        redis_server.start()
        assert store.calls() == []
