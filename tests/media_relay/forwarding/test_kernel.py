import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.media_relay.forwarding.kernel_stage import Net, Stage, build_once, play, require_kernel

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def object_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_once(tmp_path_factory.mktemp("bpf"))


@pytest.fixture
def net() -> Iterator[Net]:
    require_kernel()
    made = Net()
    yield made
    made.close()


@pytest.mark.parametrize("six", [False, True])
def test_packets_cross_both_ways_and_are_counted(net: Net, object_path: Path, six: bool) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        await asyncio.sleep(0)
        stage.read()
        for _ in range(20):  # the event loop does not run: nobody but the kernel forwards
            packet = stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
            assert stage.b.receive_from() == (packet, stage.facing_b.port)
            packet = stage.b.send_rtp(stage.facing_b.port, stage.facing_b.address)
            assert stage.a.receive_from() == (packet, stage.facing_a.port)
        stage.read()
        for port in (stage.facing_a, stage.facing_b):
            assert (port.packets, port.octets, port.refused, port.unsent) == (21, 21 * 172, 0, 0)
            assert (port.reception.lost, port.reception.ssrc) == (0, 0x1234)
            assert port.last_seen == pytest.approx(monotonic(), abs=2.0)

    play(net, object_path, scenario, six=six)
