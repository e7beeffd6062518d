import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media_relay.config import Interface, RelayConfig
from media_relay.forwarding import Forwarder
from media_relay.forwarding.choice import start_forwarder
from media_relay.forwarding.kernel import KernelForwarder, KernelUnavailableError
from media_relay.forwarding.userspace import UserspaceForwarder
from tests.media_relay.forwarding.kernel_stage import RELAY, Net

CONFIG = RelayConfig("r", "127.0.0.1", 0, (Interface("default", "127.0.0.1"),), port_min=40000, port_max=40009)
ROOT = Path(__file__).parents[3]

UNPRIVILEGED = """
import asyncio, sys
from pathlib import Path
from media_relay.forwarding.kernel import *
try:
    forwarder = KernelForwarder(asyncio.new_event_loop(), [sys.argv[2]], 8, object_path=Path(sys.argv[1]))
    forwarder.shut_down()
    print("attached and left")
except KernelUnavailableError as error:
    print(error)
"""


def start(config: RelayConfig, check: Callable[[Forwarder], None] = lambda forwarder: None) -> list[str]:
    """Start and end an engine; what was logged meanwhile."""

    async def main() -> list[str]:
        with capture_logs() as logs:
            forwarder = start_forwarder(config, asyncio.get_running_loop())
        check(forwarder)
        forwarder.shut_down()
        return [f"{entry['event']}: {entry.get('reason')}" for entry in logs]

    return asyncio.run(main())


def is_userspace(forwarder: Forwarder) -> None:
    assert isinstance(forwarder, UserspaceForwarder)


def test_userspace_is_not_explained() -> None:
    assert start(replace(CONFIG, forwarding="userspace"), is_userspace) == []


def test_auto_falls_back_with_one_line_that_says_why() -> None:
    (line,) = start(CONFIG, is_userspace)
    assert line.startswith("forwarding-in-userspace: ")
    assert len(line) > len("forwarding-in-userspace: None")


def test_kernel_or_nothing() -> None:
    with pytest.raises(KernelUnavailableError):
        start(replace(CONFIG, forwarding="kernel"))


def test_an_object_that_was_not_built(tmp_path: Path) -> None:
    with pytest.raises(KernelUnavailableError, match=r"relay\.bpf\.o was not built"):
        KernelForwarder(asyncio.new_event_loop(), ["192.0.2.1"], 8, object_path=tmp_path / "relay.bpf.o")


@pytest.mark.root
def test_an_object_that_is_none(net: Net, tmp_path: Path) -> None:
    path = tmp_path / "relay.bpf.o"
    path.write_bytes(b"\x7fELF and no more")
    with pytest.raises(KernelUnavailableError, match=r"relay\.bpf\.o"):
        KernelForwarder(asyncio.new_event_loop(), ["192.0.2.1"], 8, object_path=path)


@pytest.mark.root
@pytest.mark.parametrize(
    ("capabilities", "says"),
    [
        ("+bpf,+net_admin", "attached and left"),
        ("+bpf", "needs CAP_BPF and CAP_NET_ADMIN"),
        ("+net_admin", "needs CAP_BPF and CAP_NET_ADMIN"),
    ],
)
def test_the_two_capabilities_that_it_takes(net: Net, object_path: Path, capabilities: str, says: str) -> None:
    """A user that is nobody, who has these and no more."""
    only = ["--reuid=65534", "--regid=65534", "--clear-groups", f"--bounding-set=-all,{capabilities}"]
    only += [f"--inh-caps=-all,{capabilities}", f"--ambient-caps=-all,{capabilities}"]
    # What others may read: pytest's directories are closed to them, and the source may be.
    with tempfile.NamedTemporaryFile(suffix=".o") as readable:
        readable.write(object_path.read_bytes())
        readable.flush()
        Path(readable.name).chmod(0o644)
        command = [
            *net.relay.prefix,
            "setpriv",
            *only,
            sys.executable,
            "-c",
            UNPRIVILEGED,
            readable.name,
            RELAY["a"][0],
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)})
    assert says in done.stdout
