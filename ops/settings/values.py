"""The small values of the configuration that have a spelling of their own: endpoints and port ranges.

Each ``parse`` raises ``ValueError`` with a message for the person who wrote the value.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Self

TRANSPORTS = ("udp", "tcp")
SIP_PORT = 5060

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_-]{1,63})*\.?\Z")


def is_address(host: str) -> bool:
    """Whether ``host`` is an IPv4 or IPv6 address (without brackets) rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class HostPort:
    """``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 address. Port 0: none was written."""

    host: str
    port: int

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the text form."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError("write it as text: host or host:port")
        host, port = _split_port(value.strip())
        if not is_address(host) and not _HOST_NAME.match(host):
            raise ValueError(f"{host!r} is neither an address nor a host name")
        return cls(host, _parse_port(port) if port is not None else 0)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


@dataclass(frozen=True, slots=True)
class SipEndpoint:
    """``udp:host:port``; the transport and the port may be left out. Port 0: none was written."""

    transport: str
    host: str
    port: int

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the text form; without a transport it is UDP."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError("write it as text: udp:host:port")
        transport, colon, rest = value.strip().partition(":")
        named = colon and transport.lower() in TRANSPORTS and not is_address(value)
        if colon and not named and re.fullmatch(r"[A-Za-z]+", transport) and not rest.isdigit():
            raise ValueError(f"{value!r} does not begin with a transport; allowed: {', '.join(TRANSPORTS)}")
        place = HostPort.parse(rest if named else value)
        return cls(transport.upper() if named else "UDP", place.host, place.port)

    def __str__(self) -> str:
        return f"{self.transport.lower()}:{HostPort(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """``20000-40000``: both ends belong to it."""

    first: int
    last: int

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the text form; RTP needs at least a pair of ports (RFC 3550 11)."""
        if isinstance(value, cls):
            return value
        match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", value) if isinstance(value, str) else None
        if match is None:
            raise ValueError("write it as FIRST-LAST, like 20000-40000")
        first, last = int(match[1]), int(match[2])
        if not 1024 <= first < last <= 65535:
            raise ValueError("both ports must be within 1024-65535, and the first below the last")
        return cls(first, last)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def _split_port(text: str) -> tuple[str, str | None]:
    if match := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text):
        IPv6Address(match[1])
        return match[1], match[2]
    if text.count(":") > 1:
        IPv6Address(text)
        return text, None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"port {text!r} is not within 1-65535")
    return int(text)
