"""The shape of Pinhole's configuration: one class a section of the YAML file.

Every class refuses keys it does not know, so that a misspelt key is an error and never a silent default. Durations are
seconds. Passwords are ``SecretStr``: they print as asterisks wherever they end up by accident.
"""

import re
import socket
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from b2bua.config import Media
from ops.settings.values import SIP_PORT, HostPort, PortRange, SipEndpoint


def _as_list(value: Any) -> Any:
    """Text where a list is expected: its values, separated by commas (handy in environment variables)."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _network(value: Any) -> Any:
    """An address or a network; one with host bits set is refused, for it is nearly always a typing error."""
    return ip_network(value.strip()) if isinstance(value, str) else value


def _pattern(value: Any) -> Any:
    """A regular expression, with the compiler's own words when it is none."""
    try:
        return re.compile(value) if isinstance(value, str) else value
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error


class Transport(StrEnum):
    """What SIP can be spoken over."""

    UDP = "udp"
    TCP = "tcp"


Item = TypeVar("Item")
Values = Annotated[tuple[Item, ...], BeforeValidator(_as_list)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Peer = Annotated[SipEndpoint, BeforeValidator(SipEndpoint.parse)]
Place = Annotated[HostPort, BeforeValidator(HostPort.parse)]
Ports = Annotated[PortRange, BeforeValidator(PortRange.parse)]
CalledPattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.!~*'()+-]+$", max_length=128)]
"""The unreserved characters of a SIP URI's user part (RFC 3261 25.1) and ``+``."""


class Section(BaseModel):
    """A mapping of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Credentials(Section):
    """A password, written here or kept in a file of the secrets directory."""

    password: SecretStr | None = Field(default=None, min_length=1)
    password_secret: SecretName | None = None

    @model_validator(mode="after")
    def _one_password(self) -> "Credentials":
        if self.password is not None and self.password_secret is not None:
            raise ValueError("password and password_secret are both set; keep one")
        return self


class ListenSettings(Section):
    """One SIP socket: ``udp:0.0.0.0:5060``, or a mapping when it needs an advertised address of its own."""

    transport: Transport = Transport.UDP
    address: str
    port: Annotated[int, Field(ge=1, le=65535)] = SIP_PORT
    advertise: Place | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        endpoint = SipEndpoint.parse(value)
        return {
            "transport": endpoint.transport.lower(),
            "address": endpoint.host,
            "port": endpoint.port or SIP_PORT,
        }


class LimitSettings(Section):
    """How much may be admitted; 0 is without limit."""

    calls: Annotated[int, Field(ge=0)] = 0
    calls_per_second: Annotated[float, Field(ge=0)] = 0.0


class TrunkSettings(Credentials):
    """A peer that sends or takes calls. Without ``sources`` only its hosts that are addresses may call in."""

    hosts: Values[Peer]
    sources: Values[Network] | None = None
    codecs: Values[str] = ()
    limits: LimitSettings = LimitSettings()
    media: Media = Media.RELAY
    username: str = ""


class RouteSettings(Section):
    """The first route whose source and called number match decides."""

    source: Name | None = Field(default=None, alias="from")
    called: CalledPattern = re.compile(".*")
    rewrite: str | None = None
    to: Values[Name]


class UserSettings(Credentials):
    """A phone's account."""


class RegistrarSettings(Section):
    """Where phones register, and for how long."""

    realm: Annotated[str, Field(pattern=r'^[^"\\\x00-\x1f]+$')] = "pinhole"
    min_expires: Annotated[int, Field(ge=1)] = 60
    max_expires: Annotated[int, Field(ge=1)] = 3600
    default_expires: Annotated[int, Field(ge=1)] = 300
    max_contacts: Annotated[int, Field(ge=1, le=100)] = 10
    algorithms: Annotated[tuple[Literal["MD5", "SHA-256"], ...], Field(min_length=1)] = ("MD5",)

    @model_validator(mode="after")
    def _ordered(self) -> "RegistrarSettings":
        if not self.min_expires <= self.default_expires <= self.max_expires:
            raise ValueError("needs min_expires <= default_expires <= max_expires")
        return self


class TimerSettings(Section):
    """What ``b2bua.config.Timers`` says."""

    t1: Seconds = 0.5
    t2: Seconds = 4.0
    t4: Seconds = 5.0
    first_response: Seconds = 5.0
    ring: Seconds = 180.0
    relay: Seconds = 2.0


class InterfaceSettings(Section):
    """An address that the relay sends and receives media on, and what peers are told instead (NAT)."""

    name: Name = "default"
    address: str
    advertise: str | None = None


class RelaySettings(Section):
    """The media relay. ``ng`` is where it listens for the B2BUA; another relay's address works as well."""

    ng: Place = HostPort("127.0.0.1", 2223)
    interfaces: tuple[InterfaceSettings, ...] = ()
    ports: Ports = PortRange(20000, 32767)
    quarantine: Seconds = 30.0
    media_timeout: Seconds = 60.0
    learn_window: Seconds = 10.0
    forwarding: Literal["auto", "kernel", "userspace"] = "auto"


class RedisSettings(Section):
    """Where calls are kept. Without ``url`` Pinhole starts a server of its own under ``data_dir``."""

    url: SecretStr | None = None
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9:._-]*$")] = ""
    ladder_kept: Annotated[int, Field(ge=1)] = 600


class Role(StrEnum):
    """What the bearer of a token may do: look, or also act (hang up)."""

    READ = "read"
    ACT = "act"


class TokenSettings(Section):
    """A bearer token of the ops API, written here or kept in a file of the secrets directory."""

    role: Role = Role.READ
    token: SecretStr | None = None
    token_secret: SecretName | None = None

    @model_validator(mode="after")
    def _one_token(self) -> "TokenSettings":
        if (self.token is None) == (self.token_secret is None):
            raise ValueError("needs one of token and token_secret")
        return self


class OpsSettings(Section):
    """The ops API and its page. ``tokens`` by the name that the audit log shows; without any nobody gets in."""

    listen: Place = HostPort("127.0.0.1", 8080)
    tokens: dict[Name, TokenSettings] = {}


class CdrFormat(StrEnum):
    """How a record of a finished call is written to a file."""

    CSV = "csv"
    JSON = "json"


class CdrFileSettings(Section):
    """Records in a file, which is put aside when it is full; ``keep`` of those that were put aside stay."""

    path: Path
    format: CdrFormat = CdrFormat.JSON
    rotate_megabytes: Annotated[float, Field(gt=0, le=100_000)] = 100.0
    keep: Annotated[int, Field(ge=1, le=100_000)] = 30


class CdrWebhookSettings(Section):
    """Records sent by POST, each until it was accepted; meanwhile they wait in a file under ``data_dir``."""

    url: SecretStr
    token: SecretStr | None = None
    token_secret: SecretName | None = None
    timeout: Seconds = 5.0
    spool_megabytes: Annotated[float, Field(gt=0, le=100_000)] = 100.0

    @model_validator(mode="after")
    def _usable(self) -> "CdrWebhookSettings":
        if self.token is not None and self.token_secret is not None:
            raise ValueError("token and token_secret are both set; keep one")
        if not re.fullmatch(r"https?://[^/:@?#\s]+(:\d{1,5})?(/\S*)?", self.url.get_secret_value(), re.ASCII):
            raise ValueError("url must be http:// or https://, a host, perhaps a port, and a path")
        return self


class CdrSettings(Section):
    """Where records of finished calls go besides the stream in Redis."""

    file: CdrFileSettings | None = None
    webhook: CdrWebhookSettings | None = None


class MonitoringSettings(Section):
    """Where each process serves its metrics and health by HTTP; null: nowhere."""

    b2bua: Place | None = HostPort("127.0.0.1", 9580)
    relay: Place | None = HostPort("127.0.0.1", 9581)


class HepSettings(Section):
    """A capture server (Homer) that gets a copy of every SIP message, and what this node is called there."""

    server: Place
    capture_id: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] = 2001
    node: Annotated[str, Field(max_length=64)] | None = None


class TraceSettings(Section):
    """An OpenTelemetry collector that gets a trace of every call, by OTLP over HTTP."""

    endpoint: Annotated[str, Field(pattern=r"^https?://\S+$")]


class LogLevel(StrEnum):
    """From the most to the least talkative."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """For people or for programs."""

    CONSOLE = "console"
    JSON = "json"


class LogSettings(Section):
    """What is logged, and how."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.CONSOLE


class Settings(BaseSettings):
    """All of it. ``ops.settings.load`` builds one from the file, the environment and the secrets."""

    model_config = SettingsConfigDict(
        env_prefix="PINHOLE_", env_nested_delimiter="__", extra="forbid", frozen=True, populate_by_name=False
    )

    node: Name = Field(default_factory=lambda: re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "pinhole")
    data_dir: Path = Path("var")
    listen: Values[ListenSettings] = (
        ListenSettings(address="0.0.0.0"),
        ListenSettings(transport=Transport.TCP, address="0.0.0.0"),
    )
    advertise: Place | None = None
    cluster_key: Annotated[SecretStr, Field(min_length=16)] | None = None
    trunks: dict[Name, TrunkSettings] = {}
    routes: tuple[RouteSettings, ...] = ()
    users: dict[UserName, UserSettings] = {}
    registrar: RegistrarSettings = RegistrarSettings()
    limits: LimitSettings = LimitSettings()
    timers: TimerSettings = TimerSettings()
    relay: RelaySettings = RelaySettings()
    redis: RedisSettings = RedisSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    hep: HepSettings | None = None
    traces: TraceSettings | None = None
    ops: OpsSettings = OpsSettings()
    cdr: CdrSettings = CdrSettings()
    logs: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what it is given: ``load`` merges the sources itself, so that an error can say where a value is from."""
        return (init_settings,)
