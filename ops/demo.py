"""The demo: two telephones call each other through a Pinhole that exists for it alone, and hear each other.

What it finds is a `DemoReport`: every fact that it prints, and whether the call was proven. Nothing is assumed: the
audio is looked for in the recordings, the state in Redis.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis import Redis

from b2bua.keys import Keys
from ops.demo_system import DemoError, DemoSystem
from ops.phone import PhoneError
from ops.redis_view import Value, read
from ops.synthetic_call import Direction, SyntheticCall

LADDER_KEPT_S = 2
_KEPT_CALL_S = 7 * 86400.0
_NEXT_CALL_S = 3.0
_TALK_LEAST_S, _TALK_MOST_S = 3.0, 15.0
_REDIS_S = 8.0
_POLL_S = 0.05

Found = TypeVar("Found")
Progress = Callable[[str], None]


@dataclass(slots=True)
class DemoReport:
    """What happened. ``problems`` says what is missing from a proof; without any the demo succeeded."""

    call_id: str = ""
    ladder: list[dict[str, str]] = field(default_factory=list)
    directions: tuple[Direction, ...] = ()
    redis_during: dict[str, Value] = field(default_factory=dict)
    redis_after: dict[str, Value] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything was seen to work."""
        return not self.problems

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok,
            "call_id": self.call_id,
            "ladder": self.ladder,
            "legs": [direction.facts() for direction in self.directions],
            "redis_during": self.redis_during,
            "redis_after": self.redis_after,
            "problems": self.problems,
        }


def run_demo(system: DemoSystem, progress: Progress) -> DemoReport:
    """Make the call through a running system. What goes wrong ends up in the report's ``problems``."""
    report = DemoReport()
    caller, callee = system.accounts
    redis = Redis.from_url(system.redis_url, decode_responses=True, encoding_errors="surrogateescape")
    with redis, SyntheticCall(caller, callee, system.server, system.directory) as call:
        try:
            _make_call(call, redis, report, progress)
        except (PhoneError, DemoError) as error:
            report.problems.append(str(error))
    return report


def keep_talking(system: DemoSystem) -> None:
    """Have the two telephones talk, so that the page has a call to show; again when somebody has hung up.

    Raises `PhoneError` when that does not work any more.
    """
    with SyntheticCall(*system.accounts, system.server, system.directory) as call:
        call.register()
        while True:
            call.connect(record=False)
            call.wait_ended(_KEPT_CALL_S)
            time.sleep(_NEXT_CALL_S)


def _make_call(call: SyntheticCall, redis: "Redis", report: DemoReport, progress: Progress) -> None:
    names = f"{call.caller.name} and {call.callee.name}"
    progress(f"{names} register")
    call.register()
    progress(f"{call.caller.name} calls {call.callee.name}")
    call.connect()
    call.talk(
        _TALK_LEAST_S,
        _TALK_MOST_S,
        lambda talked_s: progress(f"{names} are talking, {talked_s:.0f} s (until RTCP knows the round trip time)"),
    )
    progress("looking into Redis")
    report.call_id = _call_id(redis)
    report.redis_during = _await_bindings(redis, report.call_id)
    progress(f"{call.caller.name} hangs up")
    report.directions = call.hang_up()
    report.problems += [_unproven(direction) for direction in report.directions if not direction.is_proven]
    report.ladder = _final_ladder(redis, report.call_id)
    progress("waiting for the keys to be gone from Redis")
    report.redis_after = _await_removal(redis, report.call_id)
    report.problems += [f"still in Redis: {key}" for key in report.redis_after]


def _call_id(redis: "Redis") -> str:
    """The only call there is."""
    prefix, suffix = Keys().call("\n").split("\n")
    calls = [key for key in redis.scan_iter(match=f"{prefix}*{suffix}") if key.endswith(suffix)]
    if len(calls) != 1:
        raise DemoError(f"expected one call in Redis, found {len(calls)}")
    return str(calls[0]).removeprefix(prefix).removesuffix(suffix)


def _keys_of(call_id: str) -> str:
    return f"{Keys().call(call_id)}*"


def _await_bindings(redis: "Redis", call_id: str) -> dict[str, Value]:
    """The call's keys, as soon as the relay has written its own (it does so every few seconds)."""
    values = _await(lambda: read(redis, _keys_of(call_id)), lambda values: Keys().bindings(call_id) in values)
    if Keys().bindings(call_id) not in values:
        raise DemoError("the relay has not written the call's bindings to Redis")
    return values


def _final_ladder(redis: "Redis", call_id: str) -> list[dict[str, str]]:
    """The ladder once both sides' BYE and its answers are in it."""
    key = Keys().ladder(call_id)

    def entries() -> list[dict[str, str]]:
        stream: Any = read(redis, key).get(key, [])
        return [dict(fields) for _, fields in stream]

    def is_complete(ladder: list[dict[str, str]]) -> bool:
        byes = [at for at, entry in enumerate(ladder) if entry["summary"].startswith("BYE")]
        answers = [entry for entry in ladder[byes[0] :] if entry["summary"].startswith("200")] if byes else []
        return len(byes) == 2 and len(answers) == 2

    return _await(entries, is_complete, timeout_s=LADDER_KEPT_S / 2)


def _await_removal(redis: "Redis", call_id: str) -> dict[str, Value]:
    return _await(lambda: read(redis, _keys_of(call_id)), lambda values: not values)


def _await(look: Callable[[], Found], is_done: Callable[[Found], bool], timeout_s: float = _REDIS_S) -> Found:
    """What ``look`` finds as soon as it is what is waited for, or at the end of the time."""
    deadline = time.monotonic() + timeout_s
    while not is_done(found := look()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return found


def _unproven(direction: Direction) -> str:
    heard = direction.heard
    return (
        f"{direction.listener} did not hear {direction.speaker}: {heard.tone_s:.1f} s of its tone and "
        f"{direction.own_tone_s:.1f} s of its own in {heard.recorded_s:.1f} s of recording"
    )
