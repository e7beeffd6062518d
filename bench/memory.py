"""Memory: KiB a live call, and whether many calls in a row leave anything behind.

The B2BUA is loaded by sipp with media passed by and its journal in a Redis outside; the relay by ng offers and
answers, with one RTP packet each way through every call. Only Pinhole is measured: the budgets are absolute.

What is remembered for a time (finished transactions, ng replies, resting ports) fills up first: growth is counted over
the second half of the calls, and the quick run's is an upper bound.
"""

import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from b2bua.keys import Keys
from bench.accounting import cores, most_files, pinned, resident_kib
from bench.peers import SCENARIOS, require, started
from bench.report import Report, UnavailableError
from tests.support.ng import NgPeer, audio_port, audio_sdp
from tests.support.pinhole import CALLEE_ADDRESS, Pinhole, trunks_settings
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

_HOST = "127.0.0.1"
_WARM_UP_CALLS = 500
_HOLD_MARGIN_S = 8.0
"""How long calls are held after the last one was made: the journal has to catch up, and memory to be read."""

_STEADY_SHARE = 0.5
"""Growth is counted from this share of the calls on."""

_RTP = bytes((0x80, 0)) + bytes(170)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls are held at once, how many follow each other, and how fast (calls a second).

    ``t1`` (seconds) bounds how long a finished transaction is remembered (64*T1, RFC 3261 17.2), which a short
    run must outlast.
    """

    held: int
    in_a_row: int
    rate: int
    t1: float


FULL = Plan(held=4000, in_a_row=100_000, rate=1000, t1=0.5)
QUICK = Plan(held=2000, in_a_row=10_000, rate=1000, t1=0.05)


def run(plan: Plan, progress: Callable[[str], None]) -> Report:
    """Measure the B2BUA and the relay; ``progress`` is told what happens."""
    systems: Report = {}
    for name, measure in (("pinhole-b2bua", _b2bua), ("pinhole-relay", _relay)):
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pinhole-bench-")))
            try:
                systems[name] = measure(plan, stack, directory, progress)
            except UnavailableError as missing:
                systems[name] = {"error": str(missing)}
    return {"systems": systems, "rounds": 1}


def _b2bua(plan: Plan, stack: ExitStack, directory: Path, progress: Callable[[str], None]) -> Report:
    require("sipp")
    progress("starting the B2BUA")
    load_cpu, system_cpu = map(pinned, cores())
    redis = RedisServer(directory, prefix=load_cpu)
    stack.callback(redis.stop)
    started(redis.process, redis.start)
    sipp = Sipp(directory)
    stack.callback(sipp.close)
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS, prefix=load_cpu)
    settings = {**trunks_settings(callee.port, media="bypass"), "timers": {"t1": plan.t1}, "logs": {"level": "warning"}}
    pinhole = Pinhole(directory, command="b2bua", redis_url=redis.url, settings=settings, prefix=system_cpu)
    stack.callback(pinhole.stop)
    started(pinhole.process, pinhole.start)

    def call(calls: int, hold_s: float) -> Callable[[], object]:
        seconds = calls / plan.rate + hold_s
        options = ["-d", f"{hold_s * 1000:.0f}", "-recv_timeout", "20000"]
        run = sipp.call(
            SCENARIOS / "caller.xml",
            pinhole.target,
            calls=calls,
            rate=plan.rate,
            timeout=seconds + 60,
            options=options,
            prefix=load_cpu,
        )
        return lambda: run.assert_all_successful(calls, seconds + 90)

    def live_calls() -> int:
        return int(redis.client.zcard(Keys().node_calls(pinhole.node)))

    call(_WARM_UP_CALLS, 0.2)()
    before = resident_kib(pinhole.process.pid)
    progress(f"holding {plan.held} calls")
    hold_s = plan.held / plan.rate + _HOLD_MARGIN_S
    hang_up = call(plan.held, hold_s)
    wait_for(lambda: live_calls() == plan.held, hold_s, f"{plan.held} live calls in Redis")
    held = resident_kib(pinhole.process.pid)
    hang_up()
    progress(f"{plan.in_a_row} calls in a row")
    steady_calls = int(plan.in_a_row * _STEADY_SHARE)
    call(steady_calls, 0.2)()
    steady = resident_kib(pinhole.process.pid)
    call(plan.in_a_row - steady_calls, 0.2)()
    return _figures(plan, before, held, steady, resident_kib(pinhole.process.pid))


def _relay(plan: Plan, stack: ExitStack, directory: Path, progress: Callable[[str], None]) -> Report:
    progress("starting the relay")
    redis = RedisServer(directory)
    stack.callback(redis.stop)
    started(redis.process, redis.start)
    # Many ports and a short rest for each, for calls that come far faster than in life.
    settings = {"relay": {"ports": "10000-32767", "quarantine": 1}, "logs": {"level": "error"}}
    prefix = (*pinned(cores()[1]), *most_files())
    relay = Pinhole(directory, command="relay", redis_url=redis.url, settings=settings, prefix=prefix)
    stack.callback(relay.stop)
    started(relay.process, relay.start)
    peer = NgPeer((_HOST, relay.ng_port))
    stack.callback(peer.close)
    phones = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    phones.bind((_HOST, 0))
    _call_in_a_row(peer, phones, range(_WARM_UP_CALLS))
    before = resident_kib(relay.process.pid)
    progress(f"holding {plan.held} relayed calls")
    for number in range(plan.held):
        _set_up(peer, phones, f"held-{number}")
    held = resident_kib(relay.process.pid)
    for number in range(plan.held):
        _tear_down(peer, f"held-{number}")
    progress(f"{plan.in_a_row} relayed calls in a row")
    steady_calls = int(plan.in_a_row * _STEADY_SHARE)
    _call_in_a_row(peer, phones, range(steady_calls))
    steady = resident_kib(relay.process.pid)
    _call_in_a_row(peer, phones, range(steady_calls, plan.in_a_row))
    return _figures(plan, before, held, steady, resident_kib(relay.process.pid))


def _call_in_a_row(peer: NgPeer, phones: socket.socket, numbers: range) -> None:
    for number in numbers:
        _set_up(peer, phones, f"row-{number}")
        _tear_down(peer, f"row-{number}")


def _set_up(peer: NgPeer, phones: socket.socket, call: str) -> None:
    """A call between two phones that share one socket; the relay tells them apart by its own ports."""
    sdp = audio_sdp(_HOST, phones.getsockname()[1])
    common = {"call-id": call, "from-tag": "a", "replace": ["origin"]}
    offered = peer.request(command="offer", sdp=sdp, **common)
    answered = peer.request(command="answer", sdp=sdp, to_tag="b", **common)
    for reply in (offered, answered):
        phones.sendto(_RTP, (_HOST, audio_port(reply["sdp"])))


def _tear_down(peer: NgPeer, call: str) -> None:
    peer.request(command="delete", call_id=call, from_tag="a", delete_delay=0)


def _figures(plan: Plan, before: int, held: int, steady: int, after: int) -> Report:
    return {
        "kib_per_live_call": round((held - before) / plan.held, 2),
        "calls_held": plan.held,
        "growth_kib": after - steady,
        "calls_in_a_row": plan.in_a_row,
        "rss_kib": after,
    }
