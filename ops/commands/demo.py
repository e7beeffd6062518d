"""``pinhole demo``: everything on loopback, one call, and the proof that it worked."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ops.commands.common import Exit, JsonOption, errors, fail, output, print_json, shown
from ops.commands.progress import Progress
from ops.demo_system import DemoError, DemoSystem
from ops.ladder import draw
from ops.phone import PhoneError
from ops.synthetic_call import Direction

if TYPE_CHECKING:
    from ops.demo import DemoReport

KeepOption = Annotated[bool, typer.Option("--keep", help="Leave the system running, for a softphone; Ctrl-C ends it.")]


def demo(as_json: JsonOption = False, keep: KeepOption = False) -> None:
    """Start everything on this machine and make a call between two telephones. Exit status 0: each heard the other."""
    from ops.demo import LADDER_KEPT_S, run_demo  # redis-py takes 0.2 s to import

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Clean up after `kill` as after Ctrl-C.
    progress = Progress()
    try:
        progress("starting Pinhole: Redis, relay, B2BUA")
        with DemoSystem(ladder_kept_s=LADDER_KEPT_S) as system:
            report = run_demo(system, progress)
            progress.done()
            if report.problems:
                for line in ("the end of the system's log:", *system.end_of_log().splitlines()):
                    errors.print(shown(line), soft_wrap=True)
            if as_json:
                print_json(report.facts() | ({"accounts": _accounts(system), "page": system.page_url} if keep else {}))
            else:
                _print_report(report)
            if keep:
                _keep_running(system)
    except (DemoError, PhoneError) as error:
        progress.done()
        fail(str(error))
    raise typer.Exit(Exit.OK if report.ok else Exit.FAILED)


def quality_table(directions: tuple[Direction, ...]) -> Table:
    """Both directions of a call, as their listeners heard them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("heard by", "codec", "packets", "lost", "jitter ms", "RTT ms", "MOS", "tone heard"):
        table.add_column(heading, justify="left" if heading in ("heard by", "codec") else "right")
    for direction in directions:
        reception, heard = direction.reception, direction.heard
        table.add_row(
            shown(f"{direction.listener} (of {direction.speaker})"),
            shown(reception.codec),
            str(reception.packets),
            str(reception.lost),
            f"{reception.jitter_ms:.2f}",
            "-" if reception.rtt_ms is None else f"{reception.rtt_ms:.2f}",
            f"{direction.mos:.2f}",
            f"{heard.tone_s:.1f} of {heard.recorded_s:.1f} s",
        )
    return table


def _print_report(report: "DemoReport") -> None:
    from ops.redis_view import as_redis_cli

    if report.ladder:
        _print_section(f"Ladder of call {report.call_id}", draw(report.ladder))
    if report.redis_during:
        _print_section("Redis during the call", as_redis_cli(report.redis_during))
    if report.directions:
        output.print("\nQuality", style="bold")
        output.print(quality_table(report.directions))
        after = [f"redis> KEYS call:{{{report.call_id}}}*", "(empty array)"]
        _print_section("Redis after the call", as_redis_cli(report.redis_after) or after)
    if report.ok:
        output.print("\nOK: both heard each other, and nothing of the call is left in Redis.", style="bold green")
    for problem in report.problems:
        output.print(shown(f"FAILED: {problem}", "bold red"), soft_wrap=True)


def _print_section(title: str, lines: list[str]) -> None:
    output.print(f"\n{title}", style="bold", markup=False, highlight=False)
    for line in lines:
        output.print(shown(line), soft_wrap=True)


def _accounts(system: DemoSystem) -> list[dict[str, str]]:
    return [
        {"user": account.user, "password": account.password, "server": system.server} for account in system.softphones
    ]


def _keep_running(system: DemoSystem) -> None:
    from ops.demo import keep_talking

    lines = [
        f"{system.page_url}   the live page; alice and bob are talking",
        *(f"sip:{account.user}@{system.server}   password {account.password}" for account in system.softphones),
        f"./run pinhole calls --watch --config {system.config_path}",
        f"redis-cli -s {system.redis_url.removeprefix('unix://')}",
    ]
    errors.print("\nStill running; Ctrl-C ends it. Point a softphone here, or look at it:", style="bold")
    for line in lines:
        errors.print(shown(line), soft_wrap=True)
    try:
        try:
            keep_talking(system)
        except PhoneError as error:
            errors.print(shown(f"alice and bob talk no more: {error}"), soft_wrap=True)
        system.wait()
    except KeyboardInterrupt:
        errors.print("ending")
