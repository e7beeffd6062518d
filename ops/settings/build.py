"""From settings to the plain configuration that the B2BUA and the relay are started with."""

import socket
from pathlib import Path
from typing import NamedTuple

from b2bua.config import B2buaConfig, CallLimit, HepConfig, Listener, Registrar, Route, Timers, Trunk, TrunkHost, User
from media_relay.config import Interface, RelayConfig
from ops.embedded_redis import EmbeddedRedis
from ops.settings import Configuration
from ops.settings.model import (
    Credentials,
    InterfaceSettings,
    LimitSettings,
    ListenSettings,
    Role,
    Settings,
    TrunkSettings,
)
from ops.settings.references import secret_path, token_text, trunk_sources
from ops.settings.values import SIP_PORT, HostPort, SipEndpoint, is_address

_EVERY_ADDRESS = ("0.0.0.0", "::")


class Bearer(NamedTuple):
    """Whoever shows ``token`` to the ops API, is called ``name`` in its audit log and may do what ``role`` says."""

    name: str
    role: Role
    token: str


def b2bua_config(configuration: Configuration, redis_url: str) -> B2buaConfig:
    """What ``b2bua.daemon.main`` is told."""
    settings, secrets_dir = configuration.settings, configuration.secrets_dir
    return B2buaConfig(
        node=settings.node,
        listeners=tuple(_listener(listen, settings) for listen in settings.listen),
        trunks={name: _trunk(name, trunk, secrets_dir) for name, trunk in settings.trunks.items()},
        routes=tuple(Route(route.called, route.to, route.source, route.rewrite) for route in settings.routes),
        users={name: User(name, _password(user, secrets_dir)) for name, user in settings.users.items()},
        registrar=Registrar(**settings.registrar.model_dump()),
        limit=_limit(settings.limits),
        timers=Timers(**settings.timers.model_dump()),
        relay=str(settings.relay.ng),
        redis_url=redis_url,
        redis_prefix=settings.redis.prefix,
        ladder_kept_s=settings.redis.ladder_kept,
        monitoring=_pair(settings.monitoring.b2bua),
        hep=_hep(settings),
        traces=settings.traces.endpoint if settings.traces else "",
    )


def relay_config(configuration: Configuration, redis_url: str) -> RelayConfig:
    """What ``media_relay.daemon.main`` is told."""
    settings = configuration.settings
    relay = settings.relay
    interfaces = relay.interfaces or (_default_interface(settings),)
    return RelayConfig(
        node=settings.node,
        ng_host=relay.ng.host,
        ng_port=relay.ng.port,
        interfaces=tuple(Interface(each.name, each.address, each.advertise or "") for each in interfaces),
        port_min=relay.ports.first,
        port_max=relay.ports.last,
        quarantine_s=relay.quarantine,
        media_timeout_s=relay.media_timeout,
        learn_window_s=relay.learn_window,
        redis_url=redis_url,
        redis_prefix=settings.redis.prefix,
        cluster_key=settings.cluster_key.get_secret_value() if settings.cluster_key is not None else "",
        forwarding=relay.forwarding,
        monitoring=_pair(settings.monitoring.relay),
    )


def bearers(configuration: Configuration) -> tuple[Bearer, ...]:
    """Who may use the ops API. Raises OSError if a token's file cannot be read any more."""
    tokens = configuration.settings.ops.tokens
    return tuple(
        Bearer(name, owner.role, token_text(owner, configuration.secrets_dir)) for name, owner in tokens.items()
    )


def redis_url(configuration: Configuration) -> str:
    """The configured Redis, or the embedded one whether it runs or not."""
    url = configuration.settings.redis.url
    return url.get_secret_value() if url is not None else EmbeddedRedis(configuration.data_dir).url


def _pair(place: HostPort | None) -> tuple[str, int] | None:
    return (place.host, place.port) if place is not None else None


def _hep(settings: Settings) -> HepConfig | None:
    hep = settings.hep
    if hep is None:
        return None
    return HepConfig((hep.server.host, hep.server.port), hep.capture_id, hep.node or settings.node)


def own_address(*, ipv6: bool = False) -> str:
    """The address that packets to the rest of the world leave from; loopback when there is no way out."""
    family, anywhere, loopback = (
        (socket.AF_INET6, "2001:db8::1", "::1") if ipv6 else (socket.AF_INET, "192.0.2.1", "127.0.0.1")
    )
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((anywhere, SIP_PORT))  # Sends nothing: connecting a UDP socket only looks up the route.
        except OSError:
            return loopback
        return str(probe.getsockname()[0])


def _listener(listen: ListenSettings, settings: Settings) -> Listener:
    advertise = listen.advertise or settings.advertise
    host = advertise.host if advertise else _reachable(listen.address)
    port = advertise.port if advertise and advertise.port else listen.port
    endpoint = SipEndpoint(listen.transport.upper(), listen.address, listen.port)
    return Listener(str(endpoint), endpoint.transport, endpoint.host, endpoint.port, host, port)


def _reachable(address: str) -> str:
    return own_address(ipv6=address == "::") if address in _EVERY_ADDRESS else address


def _default_interface(settings: Settings) -> InterfaceSettings:
    """Media goes the same way as the first SIP socket."""
    advertise = settings.listen[0].advertise or settings.advertise
    address = _reachable(settings.listen[0].address)
    advertised = advertise.host if advertise and is_address(advertise.host) else None
    return InterfaceSettings(address=address, advertise=advertised)


def _trunk(name: str, trunk: TrunkSettings, secrets_dir: Path | None) -> Trunk:
    return Trunk(
        name=name,
        hosts=tuple(_trunk_host(host) for host in trunk.hosts),
        sources=trunk_sources(trunk),
        codecs=trunk.codecs,
        limit=_limit(trunk.limits),
        media=trunk.media,
        username=trunk.username,
        password=_password(trunk, secrets_dir),
    )


def _trunk_host(endpoint: SipEndpoint) -> TrunkHost:
    """A name without a port is looked up by SRV (port 0); an address cannot be, so it gets the default port."""
    port = endpoint.port or (SIP_PORT if is_address(endpoint.host) else 0)
    return TrunkHost(endpoint.host, port, endpoint.transport)


def _limit(limits: LimitSettings) -> CallLimit:
    return CallLimit(limits.calls, limits.calls_per_second)


def _password(credentials: Credentials, secrets_dir: Path | None) -> str:
    if path := secret_path(credentials, secrets_dir):
        return path.read_text(encoding="utf-8").strip()
    return credentials.password.get_secret_value() if credentials.password else ""
