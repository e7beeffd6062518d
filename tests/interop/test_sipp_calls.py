"""Whole calls from sipp through the real Pinhole to sipp, media relayed, and nothing left of them afterwards."""

from pathlib import Path

import pytest

from tests.support.pinhole import CALLEE_ADDRESS, StartPinhole, trunks_settings
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
LOSSY_CALL_MS = 4000
"""Longer than a lost ACK takes to be repaired: sipp's callee gives a call up when BYE comes before ACK."""


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_calls_succeed_and_leave_nothing_behind(
    transport: str, sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS, transport=transport)
    settings = trunks_settings(callee.port, transport=transport.lower())
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings)

    caller = sipp.call(
        SCENARIOS / "caller.xml",
        pinhole.target,
        calls=50,
        rate=25,
        transport=transport,
        options=["-d", "500"],
    )

    wait_for(lambda: bool(redis_server.live_calls()), 5, "calls are in Redis while they last")
    caller.assert_all_successful(50)
    wait_for(lambda: not redis_server.live_calls(), 5, "the calls' keys are removed")
    answered = callee.stop().statistics
    assert (answered.successful, answered.failed) == (50, 0)


def test_lost_messages_are_sent_again(sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole) -> None:
    # Both sipps throw away every tenth message; the callee lingers to answer a BYE whose 200 was lost.
    lossy = ["-lost", "10"]
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS, options=[*lossy, "-d", "6000"])
    pinhole = start_pinhole(redis_url=redis_server.url, settings=trunks_settings(callee.port))

    caller = sipp.call(
        SCENARIOS / "caller.xml", pinhole.target, calls=40, rate=20, options=[*lossy, "-d", str(LOSSY_CALL_MS)]
    )

    result = caller.assert_all_successful(40)
    assert result.statistics.retransmissions > 0
    wait_for(lambda: not redis_server.live_calls(), 40, "the calls' keys are removed")
