"""``pinhole tail``: calls as they come, are answered and end, a line each; ``pinhole top``: the system full-screen."""

import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live

from ops.commands.calls import calls_table
from ops.commands.common import ConfigOption, JsonOption, SecretsOption, configuration, output, print_json, shown
from ops.commands.store import number, open_store
from ops.commands.system import nodes_table, trunks_table

if TYPE_CHECKING:
    from b2bua.store import CallStore

_LOOK_S = 0.5
_TOP_S = 1.0
_RECORDS = 500
_RATE_S = 10.0

Event = dict[str, str]


def tail(config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False) -> None:
    """Print what happens to calls until Ctrl-C: new, changed, ended. With --json one object a line."""
    with open_store(configuration(config, secrets)) as store:
        follower = Follower(store)
        try:
            while True:
                for event in follower.look():
                    if as_json:
                        print_json(event)
                    else:
                        output.print(shown(_line(event)), soft_wrap=True)
                time.sleep(_LOOK_S)
        except KeyboardInterrupt:
            return


def top(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Show nodes, trunks and the newest calls, full-screen, until Ctrl-C."""
    chosen = configuration(config, secrets)
    begun: deque[float] = deque()
    with open_store(chosen) as store, Live(console=output, screen=output.is_terminal, auto_refresh=False) as live:
        known: set[str] = set()
        try:
            while True:
                calls, nodes, relays = store.calls(), store.nodes(), store.relays((chosen.settings.node,))
                trunks, now = store.trunks(chosen.settings.trunks), time.time()
                new = {call["id"] for call in calls} - known
                begun.extend([now] * len(new) if known else [])
                known = {call["id"] for call in calls}
                while begun and begun[0] < now - _RATE_S:
                    begun.popleft()
                room = max(3, output.height - len(nodes) - len(relays) - len(trunks) - 10)
                head = f"{len(calls)} calls, {len(begun) / _RATE_S:.1f} new a second, {datetime.now():%H:%M:%S}"
                newest = calls[::-1][:room]
                blocks = (nodes_table(nodes, now), trunks_table(trunks), calls_table(newest, now))
                live.update(
                    Group(shown(head, "bold"), *(each for block in blocks for each in ("", block))), refresh=True
                )
                time.sleep(_TOP_S)
        except KeyboardInterrupt:
            return


class Follower:
    """Tells what has happened to calls between two looks."""

    def __init__(self, store: "CallStore") -> None:
        self._store = store
        self._states: dict[str, str] = {}
        self._records = {record["entry"] for record in store.cdrs(_RECORDS)}

    def look(self) -> list[Event]:
        """The events since the last look, ends last; at the first look all live calls are new."""
        calls = self._store.calls()
        before = self._states
        events = [
            {"event": "changed" if call["id"] in before else "live", **call}
            for call in calls
            if before.get(call["id"]) != call.get("state")
        ]
        self._states = {call["id"]: call.get("state", "") for call in calls}
        records = self._store.cdrs(_RECORDS)
        ended = [record for record in reversed(records) if record["entry"] not in self._records]
        self._records = {record["entry"] for record in records}
        return events + [{"event": "ended", "id": record["call"], **record} for record in ended]


def _line(event: Mapping[str, str]) -> str:
    moment = number(event.get("ended", "")) if event["event"] == "ended" else time.time()
    at = datetime.fromtimestamp(moment or time.time()).strftime("%H:%M:%S")
    outcome = (
        f"{event.get('status', '')} {event.get('reason', '')}" if event["event"] == "ended" else event.get("state", "")
    )
    parts = (at, event["id"], outcome, f"{event.get('from', '')} -> {event.get('to', '')}")
    return "  ".join((*parts, f"({event.get('trunk_in', '')} -> {event.get('trunk_out', '') or '...'})"))
