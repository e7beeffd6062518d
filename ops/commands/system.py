"""``pinhole nodes``, ``trunks`` and ``registrations``: what the running system says of itself, read from Redis."""

import time
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from ops.commands.common import ConfigOption, JsonOption, SecretsOption, configuration, output, print_json, shown
from ops.commands.store import duration, number, open_store


def nodes(config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False) -> None:
    """List the B2BUA nodes and the relays with their load."""
    chosen = configuration(config, secrets)
    with open_store(chosen) as store:
        found, relays = store.nodes(), store.relays((chosen.settings.node,))
    if as_json:
        print_json({"nodes": found, "relays": relays})
        return
    output.print(nodes_table(found, time.time()))
    for relay in relays:
        relay["ports"] = f"{relay.get('ports_used', '')} of {relay.get('ports_total', '')}"
    output.print(_table(relays, ("name", "calls", "ports", "ng", "version"), "no relay"))


def trunks(config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False) -> None:
    """List the configured trunks with health, load and limits."""
    chosen = configuration(config, secrets)
    with open_store(chosen) as store:
        found = store.trunks(chosen.settings.trunks)
    if as_json:
        print_json(found)
    else:
        output.print(trunks_table(found))


def registrations(config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False) -> None:
    """List the registered phones and where they are reached."""
    with open_store(configuration(config, secrets)) as store:
        found = store.registrations()
    if as_json:
        print_json(found)
        return
    contacts = [contact for phone in found for contact in _contacts(phone, time.time())]
    output.print(_table(contacts, ("phone", "contact", "source", "expires in"), "no phone is registered"))


def nodes_table(nodes: Sequence[Mapping[str, str]], now: float) -> Table:
    """Nodes as a table; ``now`` is Unix time."""
    rows = []
    for node in nodes:
        started = number(node.get("started", ""))
        rows.append({**node, "up for": duration(now - started) if started else ""})
    return _table(rows, ("name", "alive", "calls", "draining", "address", "version", "up for"), "no node")


def trunks_table(trunks: Sequence[Mapping[str, str]]) -> Table:
    """Trunks as a table."""
    rows = [
        {
            "trunk": trunk["name"],
            "health": trunk.get("health", "unknown"),
            "calls": trunk.get("active_calls", ""),
            "in": trunk.get("active_calls_in", ""),
            "out": trunk.get("active_calls_out", ""),
            "limit": "none" if trunk.get("limit_calls") == "0" else trunk.get("limit_calls", ""),
            "hosts": trunk.get("hosts", ""),
            "failed": trunk.get("failed_hosts", ""),
        }
        for trunk in trunks
    ]
    return _table(rows, ("trunk", "health", "calls", "in", "out", "limit", "hosts", "failed"), "no trunk")


def _contacts(phone: Mapping[str, str], now: float) -> Iterable[dict[str, str]]:
    """One row a contact: the hash has them numbered, as ``0.contact``."""
    for number_text in sorted({head for head, dot, _ in (name.partition(".") for name in phone) if dot}):
        fields = {name: phone.get(f"{number_text}.{name}", "") for name in ("contact", "source")}
        expires = number(phone.get(f"{number_text}.expires_at", ""))
        yield {"phone": phone["aor"], **fields, "expires in": duration(expires - now) if expires else ""}


def _table(rows: Sequence[Mapping[str, str]], columns: Sequence[str], empty: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(shown(row.get(column, "")) for column in columns))
    if not rows:
        table.add_row(shown(empty, "dim"))
    return table
