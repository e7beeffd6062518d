"""rtpengine's daemon in userspace mode: the relay that ours is measured and checked against."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.processes import Process


class Rtpengine:
    """``rtpengine --table=-1`` with one forwarding thread.

    ``interfaces`` maps names to addresses; a name may have one of each family.
    """

    def __init__(
        self,
        directory: Path,
        interfaces: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        ng_port: int,
        ports: range,
        prefix: Sequence[str] = (),
    ) -> None:
        self.ng_port = ng_port
        command = ["rtpengine", "--foreground", "--config-file=none", "--table=-1", "--num-threads=1"]
        command += ["--log-stderr", "--log-level=3"]
        pairs = interfaces.items() if isinstance(interfaces, Mapping) else interfaces
        command += [f"--interface={name}/{address}" for name, address in pairs]
        command += [f"--listen-ng=127.0.0.1:{ng_port}", f"--port-min={ports.start}", f"--port-max={ports.stop - 1}"]
        command += ["--timeout=3600", "--delete-delay=0"]
        self.process = Process("rtpengine", command, directory=directory, prefix=prefix)

    def start(self) -> Self:
        """Start it and wait until it takes ng requests."""
        self.process.start().wait_ready(("udp", self.ng_port))
        return self
