"""``pinhole calls``, ``call`` and ``hangup``: the live calls, read from Redis; a running node is never disturbed."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from ops.commands.common import (
    ConfigOption,
    JsonOption,
    SecretsOption,
    configuration,
    fail,
    output,
    print_json,
    shown,
)
from ops.commands.store import duration, find, number, open_store
from ops.ladder import draw

if TYPE_CHECKING:
    from b2bua.store import CallStore

_WATCH_S = 1.0
_HANGUP_S = 5.0
_POLL_S = 0.05

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Keep the table up to date until Ctrl-C.")]
CallArgument = Annotated[str, typer.Argument(metavar="ID", help="As `pinhole calls` shows it.")]


def calls(
    config: ConfigOption = None, secrets: SecretsOption = None, watch: WatchOption = False, as_json: JsonOption = False
) -> None:
    """List the live calls."""
    with open_store(configuration(config, secrets)) as store:
        if as_json:
            _print_json_calls(store, watch)
        elif watch:
            _watch(store)
        else:
            output.print(_table(store.calls(), store.nodes(), time.time()))


def call(
    call_id: CallArgument, config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False
) -> None:
    """Show all of one call: its fields, the relay's bindings, its ladder. Of an ended call the ladder stays a while."""
    with open_store(configuration(config, secrets)) as store:
        found = find(store.call, call_id)
    if as_json:
        print_json(found)
        return
    for title, fields in (("Call", found["fields"]), ("Bindings", found["bindings"])):
        if fields:
            output.print(f"\n{title}", style="bold")
            output.print(_fields_table(fields))
    if found["ladder"]:
        output.print("\nLadder", style="bold")
        for line in draw(found["ladder"]):
            output.print(shown(line), soft_wrap=True)


def hangup(
    call_id: CallArgument, config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False
) -> None:
    """End a call, and wait until it is over."""
    with open_store(configuration(config, secrets)) as store:
        node = find(store.hangup, call_id)
        deadline = time.monotonic() + _HANGUP_S
        while time.monotonic() < deadline:
            if not _is_live(store, call_id):
                if as_json:
                    print_json({"call": call_id, "node": node, "ended": True})
                else:
                    output.print(shown(f"{node} has ended {call_id}"))
                return
            time.sleep(_POLL_S)
    fail(f"{node} was asked to end {call_id}, but the call is still there after {_HANGUP_S:.0f} s")


def _is_live(store: "CallStore", call_id: str) -> bool:
    from b2bua.store import UnknownCallError

    try:
        return bool(store.call(call_id)["fields"])
    except UnknownCallError:
        return False


def _print_json_calls(store: "CallStore", watch: bool) -> None:
    print_json(store.calls())
    try:
        while watch:
            time.sleep(_WATCH_S)
            print_json(store.calls())
    except KeyboardInterrupt:
        return


def _watch(store: "CallStore") -> None:
    try:
        with Live(console=output, screen=output.is_terminal, auto_refresh=False) as live:
            while True:
                live.update(_table(store.calls(), store.nodes(), time.time()), refresh=True)
                time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        return


def _table(calls: list[dict[str, str]], nodes: list[dict[str, str]], now: float) -> Group:
    alive = [node["name"] for node in nodes if node.get("alive") == "yes"]
    summary = shown(f"{len(calls)} calls, nodes: {', '.join(alive) or 'none alive'}", "dim")
    return Group(calls_table(calls, now), summary) if calls else Group(summary)


def calls_table(calls: list[dict[str, str]], now: float) -> Table:
    """Calls as a table; ``now`` is Unix time."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("ID", "state", "from", "to", "in", "out", "node", "since", "for"):
        table.add_column(heading, justify="right" if heading == "for" else "left", no_wrap=heading == "ID")
    for each in calls:
        names = ("id", "state", "from", "to", "trunk_in", "trunk_out", "owner")
        created = number(each.get("created", ""))
        since = datetime.fromtimestamp(created).strftime("%H:%M:%S") if created else ""
        age = duration(now - created) if created else ""
        table.add_row(*(shown(each.get(name, "")) for name in names), since, age)
    return table


def _fields_table(fields: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        table.add_row(shown(name, "cyan"), shown(value))
    return table
