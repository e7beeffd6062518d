"""``pinhole probe``: synthetic calls through a running system, with a verdict on their audio."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Annotated

import typer

from ops.commands.common import (
    ConfigOption,
    Exit,
    JsonOption,
    SecretsOption,
    configuration,
    errors,
    fail,
    output,
    print_json,
    shown,
)
from ops.commands.demo import quality_table
from ops.commands.progress import Progress
from ops.probe import Plan, Result, place_call
from ops.settings import Configuration
from ops.settings.build import b2bua_config
from ops.settings.values import HostPort
from ops.synthetic_call import Account

_RTCP_S = 7.0
_NUMBER = re.compile(r"[0-9A-Za-z+*._-]{1,64}")

CallerOption = Annotated[str, typer.Option("--from", help="User that calls; else the first one of the configuration.")]
CalleeOption = Annotated[
    str, typer.Option("--to", help="User that is called, or any other number, such as an echo test behind a trunk.")
]
ServerOption = Annotated[str, typer.Option(help="host:port of the SIP server; else the first UDP socket configured.")]
SecondsOption = Annotated[float, typer.Option(min=1, max=3600, help="How long to talk; 7 s and more tell the RTT.")]
MosOption = Annotated[float, typer.Option("--min-mos", min=1, max=4.5, help="What still counts as good.")]
EveryOption = Annotated[float, typer.Option(min=1, max=86400, help="Call again and again, every so many seconds.")]
MetricsOption = Annotated[
    str, typer.Option("--metrics", metavar="PORT", help="With --every: serve the results there ([host:]port).")
]


def probe(
    config: ConfigOption = None,
    secrets: SecretsOption = None,
    caller: CallerOption = "",
    callee: CalleeOption = "",
    server: ServerOption = "",
    seconds: SecondsOption = _RTCP_S,
    min_mos: MosOption = 3.6,
    every: EveryOption | None = None,
    metrics: MetricsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Have one configured user call another, or a number, and judge the audio; once or every so many seconds.

    Exit status 0: the (last) call was good. SIGTERM and Ctrl-C end a repeated probe.
    """
    if metrics and every is None:
        raise typer.BadParameter("is for a probe that is repeated; use --every, too", param_hint="--metrics")
    place = _metrics_place(metrics) if metrics else None
    chosen = configuration(config, secrets)
    plan = Plan(*_parties(chosen, caller, callee), server or _server(chosen), seconds, min_mos)
    if every is None:
        result = _call(plan)
        _show(plan, result, as_json)
    else:
        result = _repeat(plan, every, place, as_json)
    raise typer.Exit(Exit.OK if result.is_good else Exit.FAILED)


def _call(plan: Plan) -> Result:
    progress = Progress()
    try:
        return place_call(plan, progress)
    finally:
        progress.done()


def _repeat(plan: Plan, every_s: float, place: HostPort | None, as_json: bool) -> Result:
    """Call until told to stop; returns the last result."""
    from ops.probe_metrics import ProbeMetrics  # prometheus_client takes 50 ms to import

    results = ProbeMetrics()
    if place is not None:
        try:
            results.serve(place)
        except OSError as error:
            fail(f"metrics cannot be served at {place}: {error}")
    last = Result("no call was placed")
    with _terminated_as_interrupted():
        try:
            while True:
                start = time.monotonic()
                last = place_call(plan, lambda step: None)
                results.note(last)
                _show_line(plan, last, as_json)
                time.sleep(max(0.0, start + every_s - time.monotonic()))
        except KeyboardInterrupt:
            return last


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end what is under way as Ctrl-C does: with telephones that hang up and leave."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(plan: Plan, result: Result, as_json: bool) -> None:
    if as_json:
        print_json(result.facts(plan))
        return
    if not result.directions:
        fail(f"{result.problem}\nis the system at {plan.server} running, and may {plan.caller.user} call there?")
    output.print(quality_table(result.directions))
    output.print(shown(f"FAILED: {result.problem}", "red") if result.problem else shown("OK", "green"))


def _show_line(plan: Plan, result: Result, as_json: bool) -> None:
    if as_json:
        print_json({"time": round(time.time(), 3), **result.facts(plan)})
        return
    verdict = shown(f"FAILED: {result.problem}", "red") if result.problem else shown("OK", "green")
    heard = ", ".join(f"{each.listener} MOS {each.mos:.2f}" for each in result.directions)
    line = shown(f"{datetime.now():%H:%M:%S} set up in {result.setup_s:.2f} s; {heard or 'nothing heard'}; ")
    (errors if result.problem else output).print(line.append_text(verdict), soft_wrap=True)


def _parties(chosen: Configuration, caller: str, callee: str) -> tuple[Account, Account | str]:
    users = b2bua_config(chosen, "").users
    spare = iter([name for name in users if name not in (caller, callee)])
    caller, callee = (name or next(spare, "") for name in (caller, callee))
    if caller not in users:
        fail(f"there is no user {caller!r}: the caller must be in the configuration", Exit.CONFIGURATION)
    account = Account(caller, users[caller].password)
    if callee in users:
        return account, Account(callee, users[callee].password)
    if not callee:
        fail("there is nobody to call: configure a second user, or say --to NUMBER", Exit.CONFIGURATION)
    if not _NUMBER.fullmatch(callee):
        raise typer.BadParameter(f"{callee!r} is no user and no number", param_hint="--to")
    return account, callee


def _metrics_place(text: str) -> HostPort:
    try:
        place = HostPort.parse(f"127.0.0.1:{text}" if text.isdigit() else text)
        if place.port:
            return place
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--metrics") from None
    raise typer.BadParameter("needs a port", param_hint="--metrics")


def _server(chosen: Configuration) -> str:
    listener = next((each for each in b2bua_config(chosen, "").listeners if each.transport == "UDP"), None)
    if listener is not None:
        return f"{listener.advertised_host}:{listener.advertised_port}"
    return fail("no UDP socket is configured; name the server with --server", Exit.CONFIGURATION)
