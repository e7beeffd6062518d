"""The event stream: many watchers, slow ones, and the end of the process."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from tests.support.ops import Ops, StartOps, put_call, put_calls
from tests.support.redis_server import RedisServer

STREAMS = 200


def read_events(connection: socket.socket) -> Iterator[tuple[str, Any]]:
    """The events of a chunked answer, until the server ends it."""
    lines = connection.makefile("r", encoding="utf-8", newline="\n")
    event = ""
    for line in lines:
        if line.startswith("event: "):
            event = line[7:].strip()
        elif line.startswith("data: "):
            yield event, json.loads(line[6:])


def wait_for_event(events: Iterator[tuple[str, Any]], name: str) -> Any:
    return next(data for event, data in events if event == name)


def test_calls_come_and_go(redis_server: RedisServer, start_ops: StartOps) -> None:
    client = redis_server.client
    now = time.time()
    put_call(client, "oldcall1", created=now)
    ops = start_ops(redis_server.url)
    with ops.events() as connection:
        events = read_events(connection)
        assert next(events) == ("reset", {})
        assert wait_for_event(events, "system")["nodes"][0]["name"] == "n1"
        assert [call["id"] for call in wait_for_event(events, "calls")["calls"]] == ["oldcall1"]
        put_call(client, "newcall1", created=now, state="ringing")
        assert wait_for_event(events, "calls")["calls"][0] == {
            "id": "newcall1", "state": "ringing", "from": "+49301", "to": "+49891", "trunk_in": "callers",
            "trunk_out": "callee", "node": "n1", "created": round(now, 3), "answered": None,
        }  # fmt: skip
        client.hset("call:{newcall1}", "state", "answered")
        assert wait_for_event(events, "calls")["calls"][0]["state"] == "answered"
        client.zrem("node:{n1}:calls", "newcall1")
        client.delete("call:{newcall1}")
        client.xadd("cdr", {"call": "newcall1", "reason": "Normal Clearing"})
        seen = {}
        for event, data in events:
            if event in ("calls", "records"):
                seen[event] = data
            if len(seen) == 2:
                break
        assert seen["calls"] == {"calls": [], "gone": ["newcall1"]}
        assert seen["records"]["records"][0]["reason"] == "Normal Clearing"


def test_redis_away_is_told_and_its_return(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    with ops.events() as connection:
        events = read_events(connection)
        assert wait_for_event(events, "system")["trouble"] == ""
        redis_server.kill()
        assert any(data["trouble"].startswith("Redis is away") for event, data in events if event == "system")
        redis_server.start()
        assert any(data["trouble"] == "" for event, data in events if event == "system")


def test_many_streams_get_all_and_end_with_the_process(redis_server: RedisServer, start_ops: StartOps) -> None:
    put_calls(redis_server.client, 1200, created=time.time() - 10)
    ops = start_ops(redis_server.url)
    with ExitStack() as stack:
        streams = [stack.enter_context(ops.events()) for _ in range(STREAMS)]
        for connection in streams:
            events = read_events(connection)
            live: set[str] = set()
            while len(live) < 1200:
                live |= {call["id"] for call in wait_for_event(events, "calls")["calls"]}
        start = time.monotonic()
        assert ops.ask("/health/live").status == 200
        assert time.monotonic() - start < 1
        assert _seconds_to_end(ops) < 2
        assert streams[0].recv(1 << 20) is not None


def test_a_client_that_takes_nothing_holds_nobody_up(redis_server: RedisServer, start_ops: StartOps) -> None:
    put_calls(redis_server.client, 5000, created=time.time() - 10)
    ops = start_ops(redis_server.url)
    with ops.events(), ops.events() as quick:
        events = read_events(quick)
        wait_for_event(events, "calls")
        put_call(redis_server.client, "newcall1", created=time.time())
        assert any(call["id"] == "newcall1" for _, data in events for call in data.get("calls", ()))
        assert _seconds_to_end(ops) < 2


def _seconds_to_end(ops: Ops) -> float:
    start = time.monotonic()
    ops.process.signal(signal.SIGTERM)
    assert ops.process.wait(10) == 0
    taken = time.monotonic() - start
    print(f"ended in {taken:.2f} s")
    return taken
