"""The real ops API in its gunicorn, as a process, and a small client for it."""

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import yaml

from tests.support.processes import Process, free_port

READ_TOKEN = "read-0123456789abcdef"
ACT_TOKEN = "act-0123456789abcdef0"
OPS_SETTINGS: dict[str, Any] = {
    "tokens": {"eye": {"role": "read", "token": READ_TOKEN}, "hand": {"role": "act", "token": ACT_TOKEN}}
}


class Answer(NamedTuple):
    """What the API answered; ``data`` is the JSON."""

    status: int
    data: Any
    headers: Mapping[str, str]


class OpsClient:
    """Asks an ops API at ``address``."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.url = f"http://{address}"

    def ask(
        self, path: str, *, token: str | None = READ_TOKEN, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, json.load(answer), answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.load(error), error.headers)

    def events(self, token: str = READ_TOKEN) -> socket.socket:
        """An open event stream, as the bytes that come."""
        host, _, port = self.address.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        connection.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        return connection

    def page(self, token: str = ACT_TOKEN) -> str:
        """Where a browser goes."""
        return f"{self.url}/#token={token}"


class Ops(OpsClient):
    """One gunicorn with the ops API, as Kubernetes would start it."""

    def __init__(self, directory: Path, redis_url: str, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"127.0.0.1:{free_port(kind=socket.SOCK_STREAM)}")
        config = {
            "node": "n1",
            "redis": {"url": redis_url},
            "users": {"alice": {"password": "wonderland"}},
            "ops": {"listen": self.address, **OPS_SETTINGS},
            "logs": {"format": "json"},
            **(settings or {}),
        }
        config["ops"] = {"listen": self.address, **config["ops"]}
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "ops.yaml"
        path.write_text(yaml.safe_dump(config))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")}
        self.process = Process(
            "ops",
            [sys.executable, "-m", "gunicorn", "-c", "python:ops.gunicorn_conf", "ops.api:app"],
            directory=directory,
            environment={**environment, "PINHOLE_CONFIG": str(path)},
        )

    def start(self) -> Self:
        self.process.start().wait_ready(("tcp", int(self.address.rpartition(":")[2])))
        return self


class StartOps(Protocol):
    """Starts an ops API on a Redis; ``settings`` are laid over the base configuration."""

    def __call__(self, redis_url: str, settings: Mapping[str, Any] | None = None) -> Ops: ...


def put_call(client: Any, call_id: str, *, node: str = "n1", created: float, **fields: str) -> None:
    """A live call as a node would have written it."""
    base = {"state": "answered", "owner": node, "epoch": "1", "from": "+49301", "to": "+49891", "call_id_a": "x@y"}
    base |= {"trunk_in": "callers", "trunk_out": "callee", "created": f"{created:.3f}", "answered": "", "relay": ""}
    client.zadd("nodes", {node: created})
    client.zadd(f"node:{{{node}}}:calls", {call_id: created})
    client.hset(f"call:{{{call_id}}}", mapping=base | fields)


def put_calls(client: Any, count: int, *, created: float) -> None:
    """Many live calls on two nodes."""
    pipeline = client.pipeline(transaction=False)
    for number in range(count):
        put_call(pipeline, f"{number:016x}", node=f"n{number % 2 + 1}", created=created + number / 1000)
    pipeline.execute()
