"""The metrics and health of real processes, against calls whose number is known."""

import signal
import socket
from pathlib import Path

import pytest

from tests.support.monitoring import get, scrape
from tests.support.pinhole import CALLEE_ADDRESS, StartPinhole, trunks_settings
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
ANSWERED, BUSY, UNROUTED, UNKNOWN = 20, 5, 3, 2
TALK_MS = 1500


def test_what_is_counted_is_what_was_called(sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    busy = sipp.serve(SCENARIOS / "callee_busy.xml", address="127.0.0.3")
    settings = trunks_settings(callee.port)
    settings["trunks"]["busy"] = {"hosts": [f"udp:127.0.0.3:{busy.port}"]}
    settings["routes"] = [
        {"from": "callers", "called": r"\+49.*", "to": "callee"},
        {"from": "callers", "called": r"\+33.*", "to": "busy"},
    ]
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings)
    b2bua, relay = pinhole.monitoring["b2bua"], pinhole.monitoring["relay"]

    talking = sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=ANSWERED, rate=20, options=["-d", str(TALK_MS)])
    wait_for(lambda: scrape(b2bua).value("pinhole_calls", state="answered") >= ANSWERED / 2, 10, "live calls are seen")
    wait_for(lambda: scrape(relay).value("pinhole_relay_calls") >= ANSWERED / 2, 5, "the relay's calls are seen")
    talking.assert_all_successful(ANSWERED)
    refused = SCENARIOS / "caller_refused.xml"
    sipp.call(refused, pinhole.target, called="+33123", calls=BUSY).assert_all_successful(BUSY)
    sipp.call(refused, pinhole.target, called="+1555", calls=UNROUTED).assert_all_successful(UNROUTED)
    stranger = sipp.call(refused, pinhole.target, address="127.0.0.9", calls=UNKNOWN, timeout=5)
    assert stranger.finish(20).statistics.failed == UNKNOWN  # 403

    wait_for(lambda: scrape(b2bua).value("pinhole_calls") == 0, 5, "no call is left")
    seen = scrape(b2bua)
    assert seen.value("pinhole_calls_started_total", trunk="callers") == ANSWERED + BUSY
    ended = "pinhole_calls_ended_total"
    assert seen.value(ended, trunk="callers", direction="in", result="200") == ANSWERED
    assert seen.value(ended, trunk="callers", direction="in", result="486") == BUSY
    assert seen.value(ended, trunk="callee", direction="out", result="200") == ANSWERED
    assert seen.value(ended, trunk="busy", direction="out", result="486") == BUSY
    assert seen.value(ended) == 2 * (ANSWERED + BUSY)
    assert seen.value("pinhole_calls_ended_by_total", by="a") == ANSWERED
    assert seen.value("pinhole_call_setup_seconds_count") == ANSWERED
    assert seen.value("pinhole_call_post_dial_delay_seconds_count", trunk="callee") == ANSWERED
    assert seen.value("pinhole_call_post_dial_delay_seconds_count", trunk="busy") == 0
    assert seen.value("pinhole_call_duration_seconds_count") == ANSWERED
    assert seen.value("pinhole_call_duration_seconds_sum") == pytest.approx(ANSWERED * TALK_MS / 1000, rel=0.2)
    assert seen.value("pinhole_sip_refused_total", method="INVITE", result="404") == UNROUTED
    assert seen.value("pinhole_sip_refused_total", method="INVITE", result="403") == UNKNOWN
    assert seen.value("pinhole_trunk_health", trunk="callee") == 1
    assert seen.value("pinhole_redis_connected") == 1
    assert seen.value("pinhole_loop_lag_seconds_count") > 0
    assert seen.value("process_resident_memory_bytes") > 10_000_000
    seen = scrape(relay)
    assert seen.value("pinhole_relay_commands_total", command="answer", outcome="ok") >= ANSWERED
    assert seen.value("pinhole_relay_commands_total", outcome="error") == 0
    assert seen.value("pinhole_relay_port_pairs", state="used") == 0


def test_calls_beyond_a_limit_are_seen(sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    settings = trunks_settings(callee.port)
    settings["trunks"]["callers"]["limits"] = {"calls": 2}
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings)
    caller = sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=5, rate=50, options=["-d", "1000"])
    assert caller.finish(30).statistics.successful == 2
    seen = scrape(pinhole.monitoring["b2bua"])
    assert seen.value("pinhole_limit_hits_total", trunk="callers") == 3
    assert seen.value("pinhole_trunk_calls_limit", trunk="callers") == 2
    assert seen.value("pinhole_sip_refused_total", result="503") == 3


def test_health_and_an_outage_of_redis(redis_server: RedisServer, start_pinhole: StartPinhole) -> None:
    pinhole = start_pinhole(redis_url=redis_server.url, settings=trunks_settings(5060))
    for port in pinhole.monitoring.values():
        wait_for(lambda port=port: get(port, "/health/ready").status == 200, 5, "ready")
        assert get(port, "/health/live") == (200, "live\n")
    redis_server.kill()
    for port in pinhole.monitoring.values():
        wait_for(lambda port=port: scrape(port).value("pinhole_redis_connected") == 0, 10, "seen to be away")
        assert get(port, "/health/ready").status == 200  # calls go on
    redis_server.start()
    for port in pinhole.monitoring.values():
        wait_for(lambda port=port: scrape(port).value("pinhole_redis_connected") == 1, 10, "seen to be back")


def test_a_node_that_is_stopping_is_alive_but_not_ready(
    sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    # Nobody answers the callee's side, so that saying goodbye takes its time.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((CALLEE_ADDRESS, 0))
        settings = trunks_settings(silent.getsockname()[1], media="bypass")
        pinhole = start_pinhole(redis_url=redis_server.url, settings=settings, command="b2bua")
        port = pinhole.monitoring["b2bua"]
        sipp.call(SCENARIOS / "caller.xml", pinhole.target)
        wait_for(lambda: scrape(port).value("pinhole_calls") == 1, 10, "the call is on")
        pinhole.process.signal(signal.SIGTERM)
        wait_for(lambda: get(port, "/health/ready") == (503, "stopping\n"), 3, "not ready any more")
        assert get(port, "/health/live").status == 200
        assert pinhole.process.wait(15) == 0
