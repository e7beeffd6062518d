"""The relay's metrics from a real process that carries real packets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.media_relay.media import rtp
from tests.media_relay.test_daemon import CONFIG, RunningRelay
from tests.support.monitoring import get, scrape
from tests.support.ng import NgError
from tests.support.processes import free_port, wait_for

PACKETS = 60


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningRelay]:
    running = RunningRelay(tmp_path, replace(CONFIG, monitoring=("127.0.0.1", free_port())))
    yield running
    running.close()


def test_traffic_is_counted_while_a_call_is_on_and_after_it(relay: RunningRelay) -> None:
    assert relay.config.monitoring is not None
    _, port = relay.config.monitoring
    wait_for(lambda: bool(_answers(port)), 5, "metrics are served")
    for_a, for_b = relay.set_up()
    for sequence in range(PACKETS):
        relay.a.send(rtp(sequence), for_a)
        relay.b.receive()
    during = scrape(port)
    assert during.value("pinhole_relay_calls") == 1
    assert during.value("pinhole_relay_port_pairs", state="used") == 2
    assert during.value("pinhole_relay_packets_total") == PACKETS
    assert during.value("pinhole_relay_bytes_total") == sum(len(rtp(sequence)) for sequence in range(PACKETS))
    assert during.value("pinhole_relay_mos_count") == 0
    relay.b.send(b"no media at all", for_b)
    wait_for(lambda: scrape(port).value("pinhole_relay_packets_dropped_total") == 1, 5, "rubbish is seen")

    relay.request("delete", delete_delay=0)
    wait_for(lambda: scrape(port).value("pinhole_relay_calls") == 0, 5, "the end is seen")
    after = scrape(port)
    assert after.value("pinhole_relay_port_pairs", state="used") == 0
    assert after.value("pinhole_relay_packets_total") == PACKETS
    assert after.value("pinhole_relay_mos_count") == 1
    assert after.value("pinhole_relay_loss_ratio_bucket", le="0.0") == 1
    assert after.value("pinhole_relay_commands_total", command="delete", outcome="ok") == 1


def test_refused_commands_are_counted(relay: RunningRelay) -> None:
    assert relay.config.monitoring is not None
    _, port = relay.config.monitoring
    wait_for(lambda: bool(_answers(port)), 5, "metrics are served")
    with pytest.raises(NgError):
        relay.ng.request(command="no such thing")
    with pytest.raises(NgError):
        relay.request("query", "nobody")
    wait_for(lambda: scrape(port).value("pinhole_relay_commands_total", outcome="error") == 2, 5, "both are seen")
    seen = scrape(port)
    assert seen.value("pinhole_relay_commands_total", command="invalid", outcome="error") == 1
    assert seen.value("pinhole_relay_commands_total", command="query", outcome="error") == 1


def _answers(port: int) -> bool:
    try:
        return get(port, "/health/ready").status == 200
    except OSError:
        return False
