"""``pinhole cdr`` as a process: killed, without Redis, with a webhook that fails."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.processes import Process, wait_for
from tests.support.redis_server import RedisServer


class Receiver:
    """A webhook's other end. ``answers`` are the next statuses, 200 when there are none."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.seen: list[tuple[str, str]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = outer.answers.pop(0) if outer.answers else 200
                outer.seen.append((self.headers["Idempotency-Key"], self.headers["Authorization"]))
                if status == 200:
                    outer.accepted.append(body["call"])
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/cdr?key=secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def writer(
    tmp_path: Path, redis_server: RedisServer, until_test_ends: Callable[[Process], None]
) -> Callable[..., Process]:
    def make(**cdr: Any) -> Process:
        config = {"data_dir": "var", "redis": {"url": redis_server.url}, "cdr": cdr, "logs": {"format": "json"}}
        path = tmp_path / "pinhole.yaml"
        path.write_text(yaml.safe_dump(config))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")}
        command = [sys.executable, "-m", "ops.cli", "cdr", "--config", path]
        environment["PYTHONPATH"] = str(Path(__file__).parents[3])
        process = Process("cdr", command, directory=tmp_path, environment=environment)
        until_test_ends(process)
        return process

    return make


def add(server: RedisServer, *calls: str) -> None:
    for call in calls:
        server.client.xadd("cdr", {"call": call, "from": "a", "status": "200", "duration": "1.5"})


def written(path: Path) -> list[str]:
    files = [*sorted(path.parent.glob("cdr-*T*")), path]
    lines = [each for file in files if file.exists() for each in file.read_text().splitlines()]
    return [json.loads(each)["call"] for each in lines]


def test_each_call_once_over_kills_and_repeats(
    tmp_path: Path, redis_server: RedisServer, writer: Callable[..., Process]
) -> None:
    path = tmp_path / "records" / "cdr.jsonl"
    process = writer(file={"path": "records/cdr.jsonl", "rotate_megabytes": 0.01})
    expected: list[str] = []
    for life in range(3):
        process.start()
        for number in range(40):
            call = f"call{life}-{number}"
            expected.append(call)
            add(redis_server, call, call)  # twice, as after a lost connection
        wait_for(lambda: len(written(path)) >= len(expected) - 30, 10, "most are written")
        process.kill()
        add(redis_server, expected[-1])
    process.start()
    wait_for(lambda: len(written(path)) >= len(expected), 10, "all are written")
    process.stop()
    assert written(path) == expected
    assert len(list(path.parent.glob("cdr-*T*.jsonl"))) >= 1


def test_a_webhook_gets_each_call_though_it_fails(
    tmp_path: Path, redis_server: RedisServer, writer: Callable[..., Process], receiver: Receiver
) -> None:
    receiver.answers = [503, 200, 422]
    process = writer(webhook={"url": receiver.url, "token": "hook-token"}).start()
    add(redis_server, "c1", "c2", "c3")
    wait_for(lambda: receiver.accepted == ["c1", "c3"], 10, "what can be accepted is")
    assert (tmp_path / "var" / "cdr" / "refused.jsonl").read_text().count('"c2"') == 1
    assert receiver.seen[0] == ("c1", "Bearer hook-token")
    assert [key for key, _ in receiver.seen] == ["c1", "c1", "c2", "c3"]
    process.kill()
    redis_server.kill()
    process.start()
    redis_server.start()
    add(redis_server, "c4")
    wait_for(lambda: receiver.accepted == ["c1", "c3", "c4"], 10, "it goes on after Redis has lost everything")
    assert "secret" not in process.log_tail()
    assert "hook-token" not in process.log_tail()
