"""The real Pinhole as its own processes, with a configuration made for one test."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import yaml

from tests.support.processes import Process, free_port

CALLER_ADDRESS = "127.0.0.1"
"""Where calls come from in a test on loopback: the sources of the trunk ``callers``."""

CALLEE_ADDRESS = "127.0.0.2"
"""Where calls go to: an address of its own, since a trunk is known by its source address."""

PROGRAM = Path(sys.executable).with_name("pinhole")


class Pinhole:
    """One Pinhole node. ``command`` is ``run`` (all of it), ``b2bua`` or ``relay``.

    ``port`` 0 takes a free one of this network namespace; name one when ``prefix`` enters another.
    ``settings`` are laid over the base configuration. Without ``redis_url`` Pinhole starts a Redis of its own.
    ``ng_port`` and ``target`` say where it listens.
    """

    def __init__(
        self,
        directory: Path,
        *,
        redis_url: str = "",
        command: str = "run",
        address: str = "127.0.0.1",
        port: int = 0,
        settings: Mapping[str, Any] | None = None,
        prefix: Sequence[str] = (),
        program: Path = PROGRAM,
    ) -> None:
        self.directory = directory
        self.node = f"node-{command}"
        self.port = port or free_port(address)
        self.ng_port = free_port(kind=socket.SOCK_DGRAM)
        self.monitoring = {role: free_port(kind=socket.SOCK_STREAM) for role in ("b2bua", "relay")}
        """The port that each process serves its metrics and health on, at 127.0.0.1."""
        self.target = f"{address}:{self.port}"
        self._endpoints = [("udp", self.port), ("tcp", self.port)] if command != "relay" else []
        self._endpoints += [("udp", self.ng_port)] if command != "b2bua" else []
        self.config = _merged(
            {
                "node": self.node,
                "data_dir": str(directory),
                "listen": [f"udp:{self.target}", f"tcp:{self.target}"],
                "relay": {"ng": f"127.0.0.1:{self.ng_port}", "interfaces": [{"name": "default", "address": address}]},
                "redis": {"url": redis_url} if redis_url else {},
                "monitoring": {role: f"127.0.0.1:{port}" for role, port in self.monitoring.items()},
                "logs": {"format": "json"},
            },
            settings or {},
        )
        directory.mkdir(parents=True, exist_ok=True)
        config_path = directory / "pinhole.yaml"
        config_path.write_text(yaml.safe_dump(self.config))
        # The caller's own Pinhole settings must not leak into a test.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")}
        self.process = Process(
            f"pinhole-{command}",
            [program, command, "--config", config_path],
            directory=directory,
            prefix=prefix,
            environment=environment,
        )

    def start(self) -> Self:
        """Start it and wait until it takes calls."""
        self.process.start().wait_ready(*self._endpoints)
        return self

    def stop(self) -> None:
        """End it as a service manager would."""
        self.process.stop()


def trunks_settings(callee_port: int, *, media: str = "relay", transport: str = "udp") -> dict[str, Any]:
    """Calls from ``CALLER_ADDRESS`` go to a trunk at ``CALLEE_ADDRESS``."""
    return {
        "trunks": {
            "callers": {"hosts": [f"{transport}:{CALLER_ADDRESS}"], "media": media},
            "callee": {"hosts": [f"{transport}:{CALLEE_ADDRESS}:{callee_port}"], "media": media},
        },
        "routes": [{"from": "callers", "to": "callee"}],
    }


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``over`` laid over it, mapping by mapping."""
    result = {**base, **over}
    for key in base.keys() & over.keys():
        if isinstance(base[key], Mapping) and isinstance(over[key], Mapping):
            result[key] = _merged(base[key], over[key])
    return result


class StartPinhole(Protocol):
    """Starts a Pinhole for one test; the arguments are those of ``Pinhole``, except for its directory."""

    def __call__(self, **arguments: Any) -> Pinhole: ...
