import ctypes
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from media_relay.forwarding.attachment import ClsactAttachment, TcxAttachment, attach_best
from media_relay.forwarding.libbpf import BpfError, Object
from tests.media_relay.forwarding.kernel_stage import Attach, Net, Stage, play
from tests.support.namespaces import run_command
from tests.support.processes import Process, wait_for

pytestmark = pytest.mark.root

ROOT = Path(__file__).parents[3]
BPF_TCX_INGRESS = 46
RELAY_PROCESS = """
import signal, sys
from pathlib import Path
from media_relay.forwarding import attachment, libbpf
loaded = libbpf.Object(Path(sys.argv[1]), {"streams": 1, "states": 1})
attached = getattr(attachment, sys.argv[2])(loaded.program("pinhole_relay"), int(sys.argv[3]))
print("attached", flush=True)
signal.pause()
"""


class Interface:
    """The relay's interface to phone a, and what is attached there."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.name = net.interfaces["a"]
        with net.relay.entered():
            self.index = socket.if_nametoindex(self.name)

    def tcx_programs(self) -> int:
        count = ctypes.c_uint32(0)
        with self.net.relay.entered():
            result = ctypes.CDLL("libbpf.so.1").bpf_prog_query(
                self.index, BPF_TCX_INGRESS, 0, None, None, ctypes.byref(count)
            )
        assert result == 0
        return count.value

    def tc(self, *arguments: str) -> str:
        return run_command(*self.net.relay.prefix, "tc", *arguments)

    def filters(self) -> int:
        return self.tc("filter", "show", "dev", self.name, "ingress").count("pinhole_relay:[")

    @contextmanager
    def another_relay(self, kind: str, object_path: Path, directory: Path) -> Iterator[Process]:
        """A process that attaches, and ends with the block if not before."""
        command = [sys.executable, "-c", RELAY_PROCESS, str(object_path), kind, str(self.index)]
        process = Process(
            f"relay{len(list(directory.iterdir()))}",
            command,
            directory=directory,
            prefix=self.net.relay.prefix,
            environment={"PYTHONPATH": str(ROOT)},
        )
        with process.start():
            wait_for(lambda: "attached" in process.log_tail(), 10, f"attached: {process.log_tail()}")
            yield process


@pytest.fixture
def interface(net: Net) -> Interface:
    return Interface(net)


@pytest.fixture
def loaded(object_path: Path) -> Iterator[Object]:
    opened = Object(object_path, {"streams": 1, "states": 1})
    yield opened
    opened.close()


def test_tcx_ends_with_a_killed_process(interface: Interface, object_path: Path, tmp_path: Path) -> None:
    with interface.another_relay("TcxAttachment", object_path, tmp_path) as relay:
        assert interface.tcx_programs() == 1
        relay.signal(signal.SIGKILL)
        relay.wait(5)
        wait_for(lambda: interface.tcx_programs() == 0, 5, "the kernel has detached the program")


def test_clsact_after_a_killed_process_is_cleaned_at_the_next_start(
    interface: Interface, object_path: Path, tmp_path: Path, loaded: Object
) -> None:
    kind = "ClsactAttachment"
    with (
        interface.another_relay(kind, object_path, tmp_path) as living,
        interface.another_relay(kind, object_path, tmp_path) as first,
        interface.another_relay(kind, object_path, tmp_path) as second,
    ):
        for relay in (first, second):
            relay.signal(signal.SIGKILL)
            relay.wait(5)
        assert interface.filters() == 3
        with interface.net.relay.entered():
            ours = ClsactAttachment(loaded.program("pinhole_relay"), interface.index)
        assert interface.filters() == 2
        with interface.net.relay.entered():
            ours.detach()
        assert interface.filters() == 1
        assert living.is_running


def test_the_best_way_of_this_kernel(interface: Interface, loaded: Object) -> None:
    with interface.net.relay.entered():
        attached = attach_best(loaded.program("pinhole_relay"), interface.index)
        assert isinstance(attached, TcxAttachment)
        assert interface.tcx_programs() == 1
        attached.detach()
    assert interface.tcx_programs() == 0


@pytest.mark.parametrize("kind", [TcxAttachment, ClsactAttachment])
def test_an_interface_that_is_gone(interface: Interface, loaded: Object, kind: Callable[[int, int], object]) -> None:
    with interface.net.relay.entered(), pytest.raises(BpfError, match="999"):
        kind(loaded.program("pinhole_relay"), 999)


@pytest.mark.parametrize("attach", [TcxAttachment, ClsactAttachment])
def test_beside_the_filter_of_somebody_else(net: Net, interface: Interface, object_path: Path, attach: Attach) -> None:
    interface.tc("qdisc", "add", "dev", interface.name, "clsact")
    theirs = ("protocol", "ip", "pref", "1", "u32", "match", "ip", "dport", "9", "0xffff", "flowid", "1:1")
    interface.tc("filter", "add", "dev", interface.name, "ingress", *theirs)
    before = interface.tc("filter", "show", "dev", interface.name, "ingress")

    async def scenario(stage: Stage) -> None:
        await stage.learn()
        packet = stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
        assert stage.b.receive() == packet

    play(net, object_path, scenario, attach=attach)
    assert interface.tc("filter", "show", "dev", interface.name, "ingress") == before
