"""The commands that look at a running system: the program, its output, its exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.ops import put_call
from tests.support.processes import Process, wait_for
from tests.support.redis_server import RedisServer

ID = "0123456789abcdef"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")}
    return {**own, "COLUMNS": "200"}


@pytest.fixture
def config(tmp_path: Path, redis_server: RedisServer) -> Path:
    path = tmp_path / "pinhole.yaml"
    trunks = {"carrier": {"hosts": ["udp:192.0.2.1"]}}
    path.write_text(yaml.safe_dump({"node": "n1", "redis": {"url": redis_server.url}, "trunks": trunks}))
    return path


@pytest.fixture
def pinhole(config: Path) -> Run:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ops.cli", *arguments, "--config", str(config)]
        return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)

    return run


def test_what_stands_in_redis_as_tables_and_as_json(redis_server: RedisServer, pinhole: Run) -> None:
    client, now = redis_server.client, time.time()
    client.zadd("nodes", {"n1": now})
    client.hset("node:{n1}", mapping={"calls": "3", "address": "udp:192.0.2.9:5060\x1b[2J", "started": f"{now - 61}"})
    client.hset("relay:{n1}", mapping={"ng": "127.0.0.1:2223", "ports_used": "4", "ports_total": "100"})
    client.hset("trunk:{carrier}", mapping={"health": "degraded", "active_calls": "7", "limit_calls": "0"})
    client.zadd("registrations", {"alice": now + 60})
    client.hset("registration:{alice}", mapping={"0.contact": "<sip:alice@h>", "0.expires_at": f"{now + 60}"})
    expected: dict[str, tuple[list[str], Callable[[Any], Any]]] = {
        "nodes": (["n1", "0:01:0", "4 of 100", "\\x1b[2J"], lambda data: data["nodes"][0]["calls"] == "3"),
        "trunks": (["carrier", "degraded", "none"], lambda data: data[0]["active_calls"] == "7"),
        "registrations": (["alice", "<sip:alice@h>"], lambda data: data[0]["aor"] == "alice"),
    }
    for command, (texts, is_right) in expected.items():
        shown = pinhole(command)
        assert shown.returncode == 0, shown.stderr
        assert all(text in shown.stdout for text in texts), shown.stdout
        assert is_right(json.loads(pinhole(command, "--json").stdout)), command


def test_check_and_hangup_speak_json(redis_server: RedisServer, pinhole: Run) -> None:
    checked = json.loads(pinhole("check", "--json").stdout)
    assert checked["valid"] is True
    assert any("no routes" in doubt for doubt in checked["doubts"])
    put_call(redis_server.client, ID, created=time.time())
    gone = pinhole("hangup", ID, "--json")
    assert (gone.returncode, "n1" in gone.stderr) == (4, True)


def test_redis_away_is_exit_status_4(redis_server: RedisServer, pinhole: Run) -> None:
    redis_server.kill()
    for command in ("nodes", "trunks", "registrations", "tail", "top"):
        done = pinhole(command)
        assert done.returncode == 4, command
        assert "Redis is away" in done.stderr


def test_tail_tells_each_step_of_a_call_once(
    tmp_path: Path, config: Path, redis_server: RedisServer, until_test_ends: Callable[[Process], None]
) -> None:
    client = redis_server.client
    client.xadd("cdr", {"call": "before", "reason": "old"})
    command = [sys.executable, "-m", "ops.cli", "tail", "--json", "--config", config]
    repository = str(Path(__file__).parents[3])
    tail = Process("tail", command, directory=tmp_path, environment={**environment(), "PYTHONPATH": repository})
    until_test_ends(tail)
    put_call(client, "earlier1", created=time.time())
    tail.start()

    def steps() -> list[tuple[str, str, str]]:
        events = [json.loads(line) for line in tail.log_tail().splitlines()]
        return [(each["event"], each["id"], each.get("reason") or each["state"]) for each in events]

    expected = [("live", "earlier1", "answered")]
    wait_for(lambda: steps() == expected, 10, "live calls are told")
    put_call(client, ID, created=time.time(), state="ringing")
    expected.append(("live", ID, "ringing"))
    wait_for(lambda: steps() == expected, 10, "a new call is told")
    client.hset(f"call:{{{ID}}}", "state", "answered")
    expected.append(("changed", ID, "answered"))
    wait_for(lambda: steps() == expected, 10, "its answer is told")
    client.zrem("node:{n1}:calls", ID)
    client.delete(f"call:{{{ID}}}")
    client.xadd("cdr", {"call": ID, "reason": "Normal Clearing"})
    expected.append(("ended", ID, "Normal Clearing"))
    wait_for(lambda: steps() == expected, 10, "its end is told")
    tail.signal(signal.SIGINT)
    assert tail.wait(5) == 0
