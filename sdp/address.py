"""Addresses as SDP writes them: ``IN IP4 192.0.2.1`` (RFC 8866 5.7)."""

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from sdp.errors import SdpError

MAX_PORT = 65535
MAX_HOST_LENGTH = 255
_CACHED_LENGTH = 64

_DOMAIN_PUNCTUATION = str.maketrans("", "", ".-_")


class Address(NamedTuple):
    """A unicast host. ``family`` is ``IP4`` or ``IP6``; ``host`` a literal address or a domain name."""

    family: str
    host: str

    @classmethod
    def of(cls, host: str) -> "Address":
        """The address of a literal ``host``, its family taken from its form."""
        return cls("IP6" if ":" in host else "IP4", host)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``IN IP4 host[/ttl[/count]]``; the multicast suffix is dropped.

        Raises SdpError for another network or address type, and for a literal of the other family.
        """
        return _parse_address(text) if len(text) > _CACHED_LENGTH else _cached_address(text)

    @property
    def is_unspecified(self) -> bool:
        """Whether this is 0.0.0.0 or ::, which says "send nothing here" (RFC 3264 8.4, RFC 6337 5.3)."""
        return self.host == "0.0.0.0" or (":" in self.host and not self.host.strip("0:"))

    def __str__(self) -> str:
        return f"IN {self.family} {self.host}"


class Endpoint(NamedTuple):
    """A transport address: ``port`` is 1 to 65535."""

    address: Address
    port: int


def parse_number(text: str, maximum: int) -> int:
    """Read an unsigned decimal number of at most ``maximum``; anything else raises SdpError.

    ``int`` alone would take signs, underscores, other scripts' digits and numbers of any length.
    """
    if text.isascii() and text.isdigit() and len(text) <= 20:
        number = int(text)
        if number <= maximum:
            return number
    raise SdpError(f"not a number from 0 to {maximum}: {text[:40]!r}")


def _parse_address(text: str) -> Address:
    match text.split():
        case ["IN", ("IP4" | "IP6") as family, host]:
            return Address(family, _checked_host(family, host.partition("/")[0]))
    raise SdpError(f"not an address: {text[:80]!r}")


_cached_address = lru_cache(maxsize=4096)(_parse_address)
"""Each description names its addresses several times, and a peer's many calls have the same ones."""


def _checked_host(family: str, host: str) -> str:
    """``host`` itself, once it is a literal of ``family`` or could be a domain name (RFC 8866 allows both)."""
    if len(host) <= MAX_HOST_LENGTH:
        if ":" in host:
            valid = family == "IP6" and _is_literal(IPv6Address, host)
        elif host.replace(".", "").isdigit():
            valid = family == "IP4" and _is_literal(IPv4Address, host)
        else:
            valid = host.isascii() and host.translate(_DOMAIN_PUNCTUATION).isalnum()
        if valid:
            return host
    raise SdpError(f"not an {family} address: {host[:80]!r}")


def _is_literal(kind: type[IPv4Address] | type[IPv6Address], host: str) -> bool:
    try:
        kind(host)
    except AddressValueError:
        return False
    return True
