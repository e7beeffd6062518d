"""A synthetic call through a running system, and the verdict on it."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.number_call import NumberCall
from ops.phone import PhoneError
from ops.settings.build import own_address
from ops.synthetic_call import Account, Direction, SyntheticCall

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who calls whom, for how many seconds, and from what MOS on it is good. ``callee`` is a number if it is text."""

    caller: Account
    callee: Account | str
    server: str
    seconds: float
    min_mos: float


@dataclass(frozen=True, slots=True)
class Result:
    """How a call went; ``problem`` is empty when it was good. Times in seconds."""

    problem: str
    setup_s: float = 0.0
    directions: tuple[Direction, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the call was set up and each direction heard well."""
        return not self.problem

    def facts(self, plan: Plan) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.is_good,
            "problem": self.problem,
            "server": plan.server,
            "setup_s": round(self.setup_s, 3),
            "legs": [direction.facts() for direction in self.directions],
        }


def place_call(plan: Plan, progress: Progress) -> Result:
    """Place the call and judge it. Never raises `PhoneError`: that is a result, too."""
    address = "127.0.0.1" if plan.server.startswith("127.") else own_address()
    try:
        with tempfile.TemporaryDirectory(prefix="pinhole-probe-") as directory:
            if isinstance(plan.callee, str):
                return _call_number(plan, plan.callee, Path(directory), address, progress)
            return _call_user(plan, plan.callee, Path(directory), address, progress)
    except PhoneError as error:
        return Result(str(error))


def _call_user(plan: Plan, callee: Account, directory: Path, address: str, progress: Progress) -> Result:
    with SyntheticCall(plan.caller, callee, plan.server, directory, address) as call:
        progress(f"{plan.caller.user} and {callee.user} register at {plan.server}")
        call.register()
        progress(f"{plan.caller.user} calls {callee.user}")
        call.connect()
        call.talk(plan.seconds, plan.seconds, lambda s: progress(f"talking, {s:.0f} of {plan.seconds:.0f} s"))
        directions = call.hang_up()
    return Result(_problem(plan, directions), call.setup_s, directions)


def _call_number(plan: Plan, number: str, directory: Path, address: str, progress: Progress) -> Result:
    with NumberCall(plan.caller, number, plan.server, directory, address) as call:
        progress(f"{plan.caller.user} registers at {plan.server}")
        call.register()
        progress(f"{plan.caller.user} calls {number}")
        call.connect()
        call.talk(plan.seconds, lambda s: progress(f"talking, {s:.0f} of {plan.seconds:.0f} s"))
        directions = (call.hang_up(),)
    return Result(_problem(plan, directions), call.setup_s, directions)


def _problem(plan: Plan, directions: tuple[Direction, ...]) -> str:
    for direction in directions:
        if not direction.is_proven:
            return f"{direction.listener} did not hear {direction.speaker}"
        if direction.mos < plan.min_mos:
            return f"{direction.listener} hears {direction.speaker} with a MOS of {direction.mos:.2f}"
    return ""
