"""What one section says about another: trunk names in routes, files in the secrets directory, overlapping values.

Checked after the sections themselves, so that each of these problems has a path of its own.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from b2bua.config import PHONES
from b2bua.route_pattern import Rewrite, check_pattern
from ops.settings.document import Location
from ops.settings.model import Credentials, RouteSettings, Settings, TrunkSettings
from ops.settings.values import is_address

Finding = tuple[Location, str]


def find_problems(settings: Settings, secrets_dir: Path | None) -> Iterator[Finding]:
    """Every place that does not fit with the rest, and why."""
    yield from _trunk_problems(settings, secrets_dir)
    for name, user in settings.users.items():
        yield from _password_problems(("users", name), user, secrets_dir, required=True)
    for index, route in enumerate(settings.routes):
        yield from _route_problems(("routes", index), route, settings)
    yield from _listen_problems(settings)
    yield from _relay_problems(settings)
    if settings.redis.url is not None:
        yield from _redis_problems(settings.redis.url.get_secret_value())


def secret_path(credentials: Credentials, secrets_dir: Path | None) -> Path | None:
    """The file that the password is in, if it is in one."""
    if credentials.password_secret is None or secrets_dir is None:
        return None
    return secrets_dir / credentials.password_secret


def _trunk_problems(settings: Settings, secrets_dir: Path | None) -> Iterator[Finding]:
    claimed: dict[IPv4Network | IPv6Network, str] = {}
    for name, trunk in settings.trunks.items():
        place = ("trunks", name)
        if name == PHONES:
            yield place, f"{PHONES!r} is what the registered phones are called in routes; choose another name"
        if not trunk.hosts:
            yield (*place, "hosts"), "needs at least one host"
        has_password = trunk.password is not None or trunk.password_secret is not None
        if bool(trunk.username) != has_password:
            yield place, "needs username and password (or password_secret) together"
        yield from _password_problems(place, trunk, secrets_dir, required=False)
        for network in trunk_sources(trunk):
            other = claimed.setdefault(network, name)
            if other != name:
                yield place, f"the source {network} belongs to the trunk {other} as well; a call must have one origin"


def trunk_sources(trunk: TrunkSettings) -> tuple[IPv4Network | IPv6Network, ...]:
    """Who may call in: the configured networks, else those hosts that are addresses."""
    if trunk.sources is not None:
        return trunk.sources
    addresses = dict.fromkeys(host.host for host in trunk.hosts if is_address(host.host))
    return tuple(IPv6Network(address) if ":" in address else IPv4Network(address) for address in addresses)


def _password_problems(
    place: Location, owner: Credentials, secrets_dir: Path | None, *, required: bool
) -> Iterator[Finding]:
    if owner.password_secret is not None:
        path = secret_path(owner, secrets_dir)
        if path is None:
            yield (*place, "password_secret"), "no secrets directory is given; set PINHOLE_SECRETS_DIR or --secrets"
        elif not path.is_file():
            yield (*place, "password_secret"), f"there is no file {path}"
        elif not path.read_text(encoding="utf-8", errors="replace").strip():
            yield (*place, "password_secret"), f"the file {path} is empty"
    elif required and owner.password is None:
        yield place, "needs password or password_secret"


def _route_problems(place: Location, route: RouteSettings, settings: Settings) -> Iterator[Finding]:
    known = [*settings.trunks, PHONES]
    choices = f"known: {', '.join(known)}"
    if route.source is not None and route.source not in known:
        yield (*place, "from"), f"there is no trunk {route.source!r}; {choices}"
    if not route.to:
        yield (*place, "to"), f"needs at least one trunk; {choices}"
    for index, name in enumerate(route.to):
        if name not in known:
            yield (*place, "to", index), f"there is no trunk {name!r}; {choices}"
    try:
        check_pattern(route.called)
    except ValueError as error:
        yield (*place, "called"), str(error)
    try:
        Rewrite(route.rewrite or "", route.called)
    except ValueError as error:
        yield (*place, "rewrite"), str(error)


def _listen_problems(settings: Settings) -> Iterator[Finding]:
    if not settings.listen:
        yield ("listen",), "needs at least one socket, like udp:0.0.0.0:5060"
    seen: dict[tuple[str, str, int], int] = {}
    for index, listen in enumerate(settings.listen):
        if not is_address(listen.address):
            yield (
                ("listen", index),
                f"{listen.address!r} is not an address of this machine; write 0.0.0.0 or [::] for all",
            )
        first = seen.setdefault((listen.transport, listen.address, listen.port), index)
        if first != index:
            yield ("listen", index), f"is the same socket as listen[{first}]"


def _redis_problems(url: str) -> Iterator[Finding]:
    from media_relay.redis_link import RedisUrlError, connect  # redis-py takes 0.2 s to import

    try:
        connect(url)
    except RedisUrlError as error:
        yield ("redis", "url"), str(error)


def _relay_problems(settings: Settings) -> Iterator[Finding]:
    if not settings.relay.ng.port:
        yield ("relay", "ng"), "needs a port, like 127.0.0.1:2223"
    names: dict[tuple[str, bool], int] = {}
    for index, interface in enumerate(settings.relay.interfaces):
        place = ("relay", "interfaces", index)
        for key, address in (("address", interface.address), ("advertise", interface.advertise)):
            if address is not None and not is_address(address):
                yield (*place, key), f"{address!r} is not an IPv4 or IPv6 address"
        # One name for an IPv4 and an IPv6 address is how a relay bridges between the two.
        first = names.setdefault((interface.name, ":" in interface.address), index)
        if first != index:
            yield (*place, "name"), f"is the name of interfaces[{first}] as well, with the same address family"
