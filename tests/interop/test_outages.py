"""What a call survives, and how it ends when its node is told to stop."""

import signal
from pathlib import Path

import pytest

from tests.support.pinhole import CALLEE_ADDRESS, StartPinhole, trunks_settings
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
CALLS = 10


def test_calls_outlive_redis_and_are_published_again(
    sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    pinhole = start_pinhole(redis_url=redis_server.url, settings=trunks_settings(callee.port))
    caller = sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=CALLS, rate=CALLS, options=["-d", "10000"])
    wait_for(lambda: len(redis_server.live_calls()) == CALLS, 10, "the calls are in Redis")
    before = redis_server.live_calls()

    redis_server.kill()
    during = sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=5, options=["-d", "500"])
    during.assert_all_successful(5)
    redis_server.start()

    wait_for(lambda: redis_server.live_calls() == before, 8, "the same calls are in Redis again")
    caller.assert_all_successful(CALLS)
    wait_for(lambda: not redis_server.live_calls(), 5, "the calls' keys are removed")


def test_sigterm_hangs_up_on_both_sides(sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    pinhole = start_pinhole(redis_url=redis_server.url, settings=trunks_settings(callee.port))
    caller = sipp.call(SCENARIOS / "caller_hung_up.xml", pinhole.target, calls=CALLS, rate=CALLS)
    wait_for(lambda: len(redis_server.live_calls()) == CALLS, 10, "the calls are in Redis")

    pinhole.process.signal(signal.SIGTERM)

    assert pinhole.process.wait(15) == 0
    caller.assert_all_successful(CALLS)
    assert callee.stop().statistics.successful == CALLS
    assert not redis_server.live_calls()
