"""A real Redis server that a test may kill and bring back on the same port."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import redis

from tests.support.processes import Process, free_port


class RedisServer:
    """``redis-server`` on loopback without persistence: killed and restarted, it has forgotten everything."""

    def __init__(self, directory: Path, prefix: Sequence[str] = ()) -> None:
        self.port = free_port(kind=socket.SOCK_STREAM)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = Process("redis", command, directory=directory, prefix=prefix)
        # redis-py's annotations mix the synchronous and the asynchronous client's return types.
        self.client: Any = redis.Redis.from_url(self.url, decode_responses=True)

    def start(self) -> Self:
        """Start it and wait until it takes connections."""
        self.process.start().wait_ready(("tcp", self.port))
        return self

    def live_calls(self) -> set[str]:
        """The ids of the calls that have state here; a ladder, which outlives its call, does not count."""
        keys = self.client.scan_iter("call:*", count=1000)
        return {key.split(":")[1].strip("{}") for key in keys if not key.endswith(":ladder")}

    def kill(self) -> None:
        """End it without a word, as a crash would."""
        self.process.kill()

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.process.stop()
