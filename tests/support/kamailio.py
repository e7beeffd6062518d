"""Kamailio as a peer: tm and rr with one worker, optionally with its own rtpengine module."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from tests.support.processes import Process, free_port

_TEMPLATE = Path(__file__).with_name("kamailio.cfg")


class Kamailio:
    """A Kamailio that sends every call to ``next_hop`` (``host:port``); ``relay`` is an ng address or empty.

    ``relay_flags`` are added to what every offer asks of the relay.
    """

    def __init__(
        self,
        directory: Path,
        next_hop: str,
        *,
        relay: str = "",
        relay_flags: str = "",
        address: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ) -> None:
        self.port = free_port(address)
        self.target = f"{address}:{self.port}"
        text = _TEMPLATE.read_text()
        fields = {
            "ADDRESS": address,
            "PORT": str(self.port),
            "NEXT_HOP": next_hop,
            "RELAY": relay,
            "FLAGS": relay_flags,
        }
        for name, value in fields.items():
            text = text.replace(f"@{name}@", value)
        directory.mkdir(parents=True, exist_ok=True)
        config = directory / "kamailio.cfg"
        config.write_text(text)
        # The default allocator (q_malloc with debugging) is five times slower than `fm`.
        command: list[str | Path] = [
            "kamailio",
            "-DD",
            "-E",
            "-f",
            config,
            "-x",
            "fm",
            "-X",
            "fm",
            "-m",
            "1024",
            "-M",
            "32",
        ]
        command += ["-w", directory, "-Y", directory, "-P", directory / "kamailio.pid"]
        if relay:
            command += ["-A", "WITH_RELAY"]
        self.process = Process("kamailio", command, directory=directory, prefix=prefix)

    def start(self) -> Self:
        """Start it and wait until it takes calls."""
        self.process.start().wait_ready(("udp", self.port))
        return self


class StartKamailio(Protocol):
    """Starts a Kamailio for one test; the arguments are those of ``Kamailio``, except for its directory."""

    def __call__(self, next_hop: str, **arguments: Any) -> Kamailio: ...
