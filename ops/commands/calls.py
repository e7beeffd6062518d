"""``pinhole calls``, ``call`` and ``hangup``: the live calls, read from Redis; a running node is never disturbed."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from ops.commands.common import (
    ConfigOption,
    Exit,
    JsonOption,
    SecretsOption,
    configuration,
    fail,
    output,
    print_json,
    shown,
)
from ops.ladder import draw
from ops.settings.build import redis_url

if TYPE_CHECKING:
    from b2bua.store import CallStore

Found = TypeVar("Found")

_WATCH_S = 1.0
_HANGUP_S = 5.0
_POLL_S = 0.05

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Keep the table up to date until Ctrl-C.")]
CallArgument = Annotated[str, typer.Argument(metavar="ID", help="As `pinhole calls` shows it.")]


def calls(
    config: ConfigOption = None, secrets: SecretsOption = None, watch: WatchOption = False, as_json: JsonOption = False
) -> None:
    """List the live calls."""
    with _store(config, secrets) as store:
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
    with _store(config, secrets) as store:
        found = _find(store.call, call_id)
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


def hangup(call_id: CallArgument, config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """End a call, and wait until it is over."""
    with _store(config, secrets) as store:
        node = _find(store.hangup, call_id)
        deadline = time.monotonic() + _HANGUP_S
        while time.monotonic() < deadline:
            if not _is_live(store, call_id):
                output.print(shown(f"{node} has ended {call_id}"))
                return
            time.sleep(_POLL_S)
    fail(f"{node} was asked to end {call_id}, but the call is still there after {_HANGUP_S:.0f} s")


@contextmanager
def _store(config: ConfigOption, secrets: SecretsOption) -> Iterator["CallStore"]:
    from b2bua.store import CallStore, StoreError  # redis-py takes 0.2 s to import

    chosen = configuration(config, secrets)
    embedded = chosen.settings.redis.url is None
    try:
        with CallStore(redis_url(chosen), chosen.settings.redis.prefix) as store:
            yield store
    except StoreError as error:
        hint = (
            f"the embedded one lives under {chosen.data_dir} while `pinhole run` runs with this configuration"
            if embedded
            else "see redis.url in the configuration"
        )
        fail(f"{error}\n{hint}", Exit.UNREACHABLE)


def _find(look: Callable[[str], Found], call_id: str) -> Found:
    from b2bua.store import NodeGoneError, UnknownCallError

    try:
        return look(call_id)
    except NodeGoneError as error:
        fail(str(error), Exit.UNREACHABLE)
    except UnknownCallError:
        fail(f"there is no call {call_id!r}; `pinhole calls` lists the live ones")


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
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("ID", "state", "from", "to", "in", "out", "node", "since", "for"):
        table.add_column(heading, justify="right" if heading == "for" else "left", no_wrap=heading == "ID")
    for each in calls:
        names = ("id", "state", "from", "to", "trunk_in", "trunk_out", "owner")
        created = _number(each.get("created", ""))
        since = datetime.fromtimestamp(created).strftime("%H:%M:%S") if created else ""
        age = _duration(now - created) if created else ""
        table.add_row(*(shown(each.get(name, "")) for name in names), since, age)
    alive = [node["name"] for node in nodes if node.get("alive") == "yes"]
    summary = f"{len(calls)} calls, nodes: {', '.join(alive) or 'none alive'}"
    return Group(table, shown(summary, "dim")) if calls else Group(shown(summary, "dim"))


def _fields_table(fields: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        table.add_row(shown(name, "cyan"), shown(value))
    return table


def _number(text: str) -> float:
    """A time in Redis; 0 for what is none, for anyone may have written there."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if 0 < number < 1e11 else 0.0


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
