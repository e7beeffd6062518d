"""Redis goes, comes back, forgets, stalls and refuses, while calls begin, change and end."""

import asyncio
import os
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2bua.call_record import CallSnapshot
from tests.support.journal import JournalledNode, run, until
from tests.support.redis_server import RedisServer


def stored_calls(server: RedisServer) -> dict[str, CallSnapshot]:
    """All calls that have any state in Redis, whole."""
    client = server.client
    return {
        call_id: CallSnapshot(client.hgetall(f"call:{{{call_id}}}"), client.hgetall(f"call:{{{call_id}}}:dialog"))
        for call_id in server.live_calls()
    }


def finished_calls(server: RedisServer) -> set[str]:
    return {entry["call"] for _, entry in server.client.xrange("cdr")}


async def caught_up(node: JournalledNode, server: RedisServer) -> None:
    """Wait until Redis holds the live calls as they are and no other."""

    def same() -> bool:
        listed = set(server.client.zrange(f"node:{{{node.name}}}:calls", 0, -1))
        return node.journal.connected and stored_calls(server) == node.calls and listed == node.calls.keys()

    await until(same, "Redis tells the same story")


def test_a_kill_and_restart_in_mid_traffic_loses_no_call(redis_server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(redis_server.url) as node:
            for number in range(300):
                node.place(f"before{number}")
            await asyncio.sleep(0)  # some are on their way, some are not
            redis_server.kill()
            for number in range(100):
                node.hang_up(f"before{number}")
                node.place(f"during{number}")
                node.place(f"before{number + 150}", **{"a.cseq": "2"})
            await until(lambda: not node.journal.connected, "the loss is noticed")
            redis_server.start()
            node.place("after")
            await caught_up(node, redis_server)
            await node.flushed()
            assert finished_calls(redis_server) == {f"before{number}" for number in range(100)}
            assert node.journal.lag_s == 0.0

    run(story())


def test_calls_that_ended_during_a_broken_connection_are_removed_from_a_redis_that_kept_them(
    redis_server: RedisServer,
) -> None:
    async def story() -> None:
        async with JournalledNode(redis_server.url, ended_kept=5) as node:
            for number in range(20):
                node.place(f"c{number}")
            await node.flushed()
            os.kill(redis_server.process.pid, signal.SIGSTOP)
            await until(lambda: not node.journal.connected, "the stall is noticed")
            for number in range(15):
                node.hang_up(f"c{number}")
            os.kill(redis_server.process.pid, signal.SIGCONT)
            await caught_up(node, redis_server)
            await node.flushed()
            # Only five CDRs could wait; the calls are removed all the same, for they are listed as ours.
            assert finished_calls(redis_server) == {f"c{number}" for number in range(10, 15)}
            assert node.journal.stats.ended_dropped == 10

    run(story())


def test_a_start_without_redis_waits_for_it(redis_server: RedisServer) -> None:
    async def story() -> None:
        redis_server.kill()
        async with JournalledNode(redis_server.url) as node:
            assert not node.journal.connected
            node.place("early")
            await until(lambda: node.journal.lag_s > 0.05, "the lag shows")
            redis_server.start()
            await caught_up(node, redis_server)

    run(story())


def test_a_stop_without_redis_does_not_hang(redis_server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(redis_server.url, stop_s=0.1) as node:
            redis_server.kill()
            node.place("x")
            await until(lambda: not node.journal.connected, "the loss is noticed")

    run(asyncio.wait_for(story(), 5.0))


def test_memory_is_bounded_while_redis_is_away(redis_server: RedisServer) -> None:
    async def story() -> None:
        redis_server.kill()
        async with JournalledNode(redis_server.url, ended_kept=50, ladder_length=10, stop_s=0.01) as node:
            for number in range(500):
                node.place(f"c{number}")
                node.hang_up(f"c{number}")
            for _ in range(100):
                node.place("long")
            backlog = node.journal._backlog
            assert len(backlog._ended) == 50
            assert list(backlog._dirty) == ["long"]
            assert len(backlog._dirty["long"]) == 10
            assert node.journal.stats.ended_dropped == 450
            assert node.journal.stats.ladder_dropped == 90

    run(story())


def test_a_redis_that_was_emptied_without_a_word_is_told_again(redis_server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(redis_server.url) as node:
            node.place("x")
            node.journal.trunk("carrier", {"health": "up"})
            node.registrations.append(("alice@x", {"contact": "sip:alice@192.0.2.9"}, 60.0))
            await node.flushed()
            redis_server.client.flushall()
            await until(lambda: "x" in redis_server.live_calls(), "the call is back")
            await node.flushed()
            assert redis_server.client.hget("trunk:{carrier}", "health") == "up"
            assert redis_server.client.hget("registration:{alice@x}", "contact") == "sip:alice@192.0.2.9"
            assert node.journal.stats.connects == 1

    run(story())


@pytest.mark.parametrize(
    ("refuse", "relent"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("SCRIPT", "FLUSH"), ("PING",)),
    ],
    ids=["a replica", "no memory", "scripts forgotten"],
)
def test_a_server_that_refuses_to_write_is_tried_again(
    redis_server: RedisServer, refuse: tuple[str, ...], relent: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with JournalledNode(redis_server.url) as node:
            node.place("x")
            await node.flushed()
            redis_server.client.execute_command(*refuse)
            node.place("x", **{"a.cseq": "2"})
            await until(lambda: node.journal.stats.connects > 1, "a new connection")
            redis_server.client.execute_command(*relent)
            await caught_up(node, redis_server)

    run(story())


def test_a_slow_redis_gets_fewer_writes_not_later_ones(redis_server: RedisServer) -> None:
    async def story() -> None:
        async with JournalledNode(redis_server.url, stall_s=60.0) as node:
            os.kill(redis_server.process.pid, signal.SIGSTOP)
            for cseq in range(20):
                sent = node.journal.stats.batches
                node.place("x", **{"a.cseq": str(cseq)})
                if cseq < 4:  # as many batches as may be on their way
                    await until(lambda sent=sent: node.journal.stats.batches > sent, "a batch is sent")
            os.kill(redis_server.process.pid, signal.SIGCONT)
            await node.flushed()
            await caught_up(node, redis_server)
            assert node.journal.stats.batches == 5

    run(story())


CALL_IDS = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), CALL_IDS),
        st.tuples(st.just("hang up"), CALL_IDS),
        st.tuples(st.sampled_from(["disconnect", "forget", "flush", "breathe"]), st.none()),
    ),
    max_size=25,
)


class Traffic:
    """Turns steps into calls; an ID is used for one call only, as in the product."""

    def __init__(self, node: JournalledNode, server: RedisServer) -> None:
        self.node = node
        self.server = server
        self.names: dict[str, str] = {}
        self.ended: set[str] = set()
        self.count = 0

    async def take(self, step: str, name: str | None) -> None:
        match step:
            case "place":
                self.place(str(name))
            case "hang up" if name in self.names:
                call_id = self.names.pop(name)
                self.node.hang_up(call_id)
                self.ended.add(call_id)
            case "disconnect":
                self.server.client.client_kill_filter(_type="normal", skipme=True)
            case "forget":
                self.server.client.flushall()
                self.server.client.client_kill_filter(_type="normal", skipme=True)
                self.ended.clear()
            case "flush":
                await self.node.flushed()
            case "breathe":
                await asyncio.sleep(0.001)

    def place(self, name: str) -> None:
        self.count += 1
        call_id = self.names.setdefault(name, f"{name}{self.count}")
        self.node.place(call_id, **{"a.cseq": str(self.count)})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_redis_ends_up_with_the_live_calls(redis_server: RedisServer, steps: list[Any]) -> None:
    async def story() -> None:
        redis_server.client.flushall()
        async with JournalledNode(redis_server.url, heartbeat_s=0.01) as node:
            traffic = Traffic(node, redis_server)
            for step in steps:
                await traffic.take(*step)
            await caught_up(node, redis_server)
            await node.flushed()
            assert finished_calls(redis_server) >= traffic.ended
            ladders = {key.split("{")[1].split("}")[0] for key in redis_server.client.keys("call:*:ladder")}
            assert all(redis_server.client.ttl(f"call:{{{call_id}}}:ladder") > 0 for call_id in ladders)

    run(story())
