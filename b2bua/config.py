"""What the B2BUA's core is told about its world: listeners, trunks, routes, users, limits.

Plain frozen data without a framework, so that the pure core can be built from a literal in a test.
``ops.settings`` reads the YAML file, the environment and the secrets, and builds these.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

PHONES = "phones"
"""The trunk name that stands for the registered phones, as a route's source and as its destination."""


class Media(StrEnum):
    """Where the media of a trunk's calls goes."""

    RELAY = "relay"
    BYPASS = "bypass"


@dataclass(frozen=True, slots=True)
class Listener:
    """One local SIP socket. ``advertised_*`` is what peers see in Via and Contact."""

    name: str
    transport: str
    host: str
    port: int
    advertised_host: str
    advertised_port: int


@dataclass(frozen=True, slots=True)
class TrunkHost:
    """One address of a trunk; ``port`` 0 asks the resolver for SRV records (RFC 3263)."""

    host: str
    port: int
    transport: str


@dataclass(frozen=True, slots=True)
class CallLimit:
    """How much may be admitted: calls at once and new calls in a second; 0 is without limit."""

    calls: int = 0
    calls_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Trunk:
    """A peer that sends or takes calls: a carrier, a PBX, another proxy."""

    name: str
    hosts: tuple[TrunkHost, ...]
    sources: tuple[IPv4Network | IPv6Network, ...] = ()
    codecs: tuple[str, ...] = ()
    limit: CallLimit = CallLimit()
    media: Media = Media.RELAY
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes: the first route whose source and called number match wins.

    ``source`` is a trunk's name, ``phones``, or None for any. ``rewrite`` is a template for the new called
    number with ``\\1`` groups of ``called``; None keeps it. ``trunks`` are tried in order.
    """

    called: re.Pattern[str]
    trunks: tuple[str, ...]
    source: str | None = None
    rewrite: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A phone's account."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registrar:
    """The realm that phones authenticate in, and for how long a registration may live (seconds).

    ``algorithms`` are the digests that are offered, the preferred one first (RFC 8760 2.4). MD5 alone is what every
    phone understands: baresip 1.0 and others give up when SHA-256 is offered beside it.
    """

    realm: str = "pinhole"
    algorithms: tuple[str, ...] = ("MD5",)
    min_expires: int = 60
    max_expires: int = 3600
    default_expires: int = 300
    max_contacts: int = 10


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds. T1, T2 and T4 of RFC 3261 17.1.1.1, and our own patience.

    ``first_response`` is how long a target may say nothing at all before the next one is tried, ``ring`` how long B
    may ring, ``relay`` how long the relay may think.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    first_response: float = 5.0
    ring: float = 180.0
    relay: float = 2.0


@dataclass(frozen=True, slots=True)
class HepConfig:
    """Where a copy of every SIP message is sent (host and port), and what the sender is called there."""

    server: tuple[str, int]
    capture_id: int
    node: str


@dataclass(frozen=True, slots=True)
class B2buaConfig:
    """All that a B2BUA node is told."""

    node: str
    listeners: tuple[Listener, ...]
    trunks: dict[str, Trunk]
    routes: tuple[Route, ...]
    users: dict[str, User] = field(default_factory=dict)
    registrar: Registrar = Registrar()
    limit: CallLimit = CallLimit()
    timers: Timers = Timers()
    relay: str = ""
    """``host:port`` of the relay's ng socket; empty: every call's media goes past us."""
    redis_url: str = field(default="", repr=False)
    redis_prefix: str = ""
    ladder_kept_s: int = 600
    monitoring: tuple[str, int] | None = None
    """Where metrics and health are served; None: nowhere."""
    hep: HepConfig | None = None
    traces: str = ""
    """The OTLP/HTTP URL that a trace of every call is sent to; empty: none is made."""
    server_name: str = "Pinhole"
