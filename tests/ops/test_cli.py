"""The command line as its users have it: a process, its output, its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from b2bua.keys import Keys
from ops.embedded_redis import EmbeddedRedis
from ops.ladder import draw

PINHOLE = Path(sys.executable).with_name("pinhole")


def pinhole(*arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")}
    return subprocess.run(
        [PINHOLE, *arguments],
        cwd=cwd,
        env={**environment, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pinhole.yaml").write_text("users: {alice: {password: hunter2}}\nroutes: [{to: phones}]\n")
    return tmp_path


def test_check_accepts_a_good_file_and_shows_no_password(home: Path) -> None:
    done = pinhole("check", cwd=home)
    assert done.returncode == 0
    assert "pinhole.yaml: the configuration is valid" in done.stdout
    assert "alice" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_check_says_what_is_wrong_where(home: Path) -> None:
    (home / "pinhole.yaml").write_text("users:\n  alice: {pasword: hunter2}\n")
    done = pinhole("check", cwd=home)
    assert done.returncode == 3
    assert "pinhole.yaml:2: users.alice.pasword: unknown key; did you mean 'password'?" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("command", ["run", "b2bua"])
def test_without_anybody_to_call_nothing_starts(tmp_path: Path, command: str) -> None:
    done = pinhole(command, cwd=tmp_path)
    assert done.returncode == 3
    assert "neither trunks nor users are configured" in done.stderr
    assert not (tmp_path / "var").exists()


def test_without_redis_it_is_said_where_it_was_looked_for(home: Path) -> None:
    done = pinhole("calls", cwd=home)
    assert done.returncode == 4
    assert f"the embedded one lives under {home / 'var'}" in done.stderr


def test_a_call_in_redis_is_shown_harmlessly(home: Path) -> None:
    keys = Keys()
    from redis import Redis

    with EmbeddedRedis(home / "var") as server, Redis.from_url(server.url) as redis:
        redis.zadd(keys.nodes, {"n1": 1e10})
        redis.zadd(keys.node_calls("n1"), {"c1": 5.0})
        fields = {"state": "answered", "owner": "n1", "created": "5.0", "from": "[red]mallory[/red]\x1b[2J"}
        redis.hset(keys.call("c1"), mapping=fields)
        entry = {
            "time": "5.0",
            "leg": "a",
            "direction": "in",
            "peer": "192.0.2.1:5060",
            "summary": "INVITE \x1b]0;x\x07",
        }
        redis.xadd(keys.ladder("c1"), entry)
        listed, shown = pinhole("calls", cwd=home), pinhole("call", "c1", cwd=home)
        as_json = json.loads(pinhole("calls", "--json", cwd=home).stdout)
        unknown, ownerless = pinhole("call", "c2", cwd=home), pinhole("hangup", "c1", cwd=home)
    assert "[red]mallory[/red]\\x1b[2J" in listed.stdout
    assert "[red]mallory[/red]\\x1b[2J" in shown.stdout
    assert draw([entry])[-1] in shown.stdout
    assert "\x1b" not in listed.stdout + shown.stdout
    assert [(call["id"], call["from"]) for call in as_json] == [("c1", fields["from"])]
    assert (unknown.returncode, ownerless.returncode) == (1, 4)
    assert "there is no call 'c2'; `pinhole calls` lists the live ones" in unknown.stderr
    assert "n1" in ownerless.stderr
