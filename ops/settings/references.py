"""What one section says about another: trunk names in routes, files in the secrets directory, overlapping values.

Checked after the sections themselves, so that each of these problems has a path of its own.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from b2bua.config import PHONES
from b2bua.route_pattern import Rewrite, check_pattern
from ops.settings.document import Location
from ops.settings.model import CdrWebhookSettings, Credentials, RouteSettings, Settings, TokenSettings, TrunkSettings
from ops.settings.values import is_address

TOKEN_LENGTH = 16
"""Characters: 64 bits in hexadecimal, so that nobody guesses a token of the ops API."""

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
    yield from _monitoring_problems(settings)
    if settings.redis.url is not None:
        yield from _redis_problems(settings.redis.url.get_secret_value())
    yield from _ops_problems(settings, secrets_dir)


def token_text(owner: TokenSettings | CdrWebhookSettings, secrets_dir: Path | None) -> str:
    """The token itself, from where it is kept; empty where there is none. Raises OSError if its file cannot be read."""
    if owner.token_secret is not None and secrets_dir is not None:
        return (secrets_dir / owner.token_secret).read_text(encoding="utf-8", errors="replace").strip()
    return owner.token.get_secret_value() if owner.token is not None else ""


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
        yield from _secret_file_problems((*place, "password_secret"), owner.password_secret, secrets_dir)
    elif required and owner.password is None:
        yield place, "needs password or password_secret"


def _secret_file_problems(place: Location, name: str, secrets_dir: Path | None) -> Iterator[Finding]:
    if secrets_dir is None:
        yield place, "no secrets directory is given; set PINHOLE_SECRETS_DIR or --secrets"
    elif not (path := secrets_dir / name).is_file():
        yield place, f"there is no file {path}"
    elif not path.read_text(encoding="utf-8", errors="replace").strip():
        yield place, f"the file {path} is empty"


def _ops_problems(settings: Settings, secrets_dir: Path | None) -> Iterator[Finding]:
    if not settings.ops.listen.port:
        yield ("ops", "listen"), "needs a port, like 127.0.0.1:8080"
    bearers: dict[str, str] = {}
    for name, owner in settings.ops.tokens.items():
        place = ("ops", "tokens", name)
        unreadable = list(_token_file_problems(place, owner, secrets_dir))
        yield from unreadable
        if unreadable:
            continue
        token = token_text(owner, secrets_dir)
        if len(token) < TOKEN_LENGTH or not (token.isascii() and token.isprintable()) or " " in token:
            yield place, f"the token needs {TOKEN_LENGTH} or more ASCII characters, no spaces: openssl rand -hex 32"
        elif (other := bearers.setdefault(token, name)) != name:
            yield place, f"has the same token as {other}; the audit log could not tell them apart"
    if settings.cdr.webhook is not None:
        yield from _token_file_problems(("cdr", "webhook"), settings.cdr.webhook, secrets_dir)


def _token_file_problems(
    place: Location, owner: TokenSettings | CdrWebhookSettings, secrets_dir: Path | None
) -> Iterator[Finding]:
    if owner.token_secret is not None:
        yield from _secret_file_problems((*place, "token_secret"), owner.token_secret, secrets_dir)


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


def _monitoring_problems(settings: Settings) -> Iterator[Finding]:
    monitoring = settings.monitoring
    for key, place in (("b2bua", monitoring.b2bua), ("relay", monitoring.relay)):
        if place is not None and not place.port:
            yield ("monitoring", key), "needs a port, like 127.0.0.1:9580"
    if monitoring.relay is not None and monitoring.relay == monitoring.b2bua:
        yield ("monitoring", "relay"), "is the same as monitoring.b2bua; each process needs its own"
    if settings.hep is not None and not settings.hep.server.port:
        yield ("hep", "server"), "needs a port, like homer.example:9060"
    if settings.traces is not None and not _has_opentelemetry():
        yield ("traces",), "needs Python packages that are not installed: pip install 'pinhole[otel]'"


def _has_opentelemetry() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


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
