"""``pinhole check``: what is configured, what is wrong with it, what is doubtful."""

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from ops.commands.common import ConfigOption, JsonOption, SecretsOption, configuration, output, print_json, shown
from ops.settings import Configuration
from ops.settings.build import b2bua_config, relay_config

_EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def check(config: ConfigOption = None, secrets: SecretsOption = None, as_json: JsonOption = False) -> None:
    """Validate the configuration and say what is wrong where; exit status 3 if it cannot be used."""
    chosen = configuration(config, secrets)
    if as_json:
        print_json({"valid": True, "file": str(chosen.file or ""), "doubts": list(_doubts(chosen))})
        return
    output.print(_summary(chosen))
    for doubt in _doubts(chosen):
        output.print(shown(f"doubtful: {doubt}", "yellow"), soft_wrap=True)
    output.print(shown(f"{chosen.file or 'the environment'}: the configuration is valid", "green"), soft_wrap=True)


def _summary(chosen: Configuration) -> Table:
    b2bua, relay = b2bua_config(chosen, ""), relay_config(chosen, "")
    table = Table.grid(padding=(0, 2))
    table.add_row("node", shown(b2bua.node))
    for listener in b2bua.listeners:
        advertised = f"{listener.advertised_host}:{listener.advertised_port}"
        table.add_row("listen", shown(f"{listener.name}, peers see {advertised}"))
    for trunk in b2bua.trunks.values():
        hosts = ", ".join(f"{host.transport.lower()}:{host.host}" for host in trunk.hosts)
        sources = ", ".join(map(str, trunk.sources)) or "nobody"
        table.add_row(
            "trunk", shown(f"{trunk.name}: calls go to {hosts}; may call in: {sources}; media: {trunk.media}")
        )
    for route in b2bua.routes:
        table.add_row("route", shown(f"{route.source or 'any'} {route.called.pattern} -> {', '.join(route.trunks)}"))
    table.add_row("users", shown(", ".join(b2bua.users) or "none"))
    for interface in relay.interfaces:
        ports = f"{relay.port_min}-{relay.port_max}"
        table.add_row(
            "media", shown(f"{interface.name}: {interface.address} ports {ports}, peers see {interface.signalled}")
        )
    table.add_row("redis", "as configured" if chosen.settings.redis.url else shown(f"embedded, {chosen.data_dir}"))
    return table


def _doubts(chosen: Configuration) -> Iterator[str]:
    settings = chosen.settings
    if not settings.trunks and not settings.users:
        yield "neither trunks nor users are configured, so nobody can call"
    if not settings.routes:
        yield "there are no routes, so every call is answered 404"
    for name, trunk in settings.trunks.items():
        if trunk.sources == ():
            yield f"trunks.{name}: sources is empty, so it cannot call in"
    ports = settings.relay.ports
    if _EPHEMERAL_PORTS.is_file():
        first, last = map(int, _EPHEMERAL_PORTS.read_text().split())
        if ports.first <= last and first <= ports.last:
            yield f"relay.ports {ports} overlaps the ports that the system gives away by itself ({first}-{last})"
