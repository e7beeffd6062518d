"""URIs: sip:, sips: and tel: in parts, any other scheme whole (RFC 3261 19.1, RFC 3966)."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote_to_bytes

from b2bua.sip.errors import HeaderError, UnsupportedSchemeError, UriError
from b2bua.sip.grammar import (
    MAX_CACHED_CHARS,
    Params,
    format_host,
    format_params,
    is_ipv6,
    parse_host,
    parse_number,
    parse_params,
)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*+):")
_FORBIDDEN = re.compile(r'[\x00-\x20\x7f<>"]')
_TEL_NUMBER = re.compile(r"\+?+[0-9A-Fa-f*#\-.()]++")

# RFC 3261 19.1.4: these count even where only one of two URIs has them.
_COMPARED_ALWAYS = ("user", "ttl", "method", "maddr", "transport")


@dataclass(frozen=True, slots=True, eq=False)
class Uri:
    """One URI. ``user`` and ``password`` keep their escapes; ``host`` has no brackets; ``port`` None: not given.

    For tel: ``user`` is the number and ``host`` is empty. A scheme that we do not know keeps its text in ``opaque``.
    Parameter names are lower case; ``headers`` are those after the question mark, as written. ``params`` are shared
    by whoever has read the same text: not to be changed.
    """

    scheme: str
    user: str = ""
    host: str = ""
    port: int | None = None
    params: Params = field(default_factory=dict)
    password: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Read a URI without angle brackets; raises UriError."""
        return _read_once(text) if len(text) <= MAX_CACHED_CHARS else _read(text)

    @property
    def is_sip(self) -> bool:
        """sip: or sips:"""
        return self.scheme in ("sip", "sips")

    @property
    def is_secure(self) -> bool:
        """sips:"""
        return self.scheme == "sips"

    @property
    def decoded_user(self) -> str:
        """The user part with its escapes resolved, for comparing and for routing; never to be sent as it is."""
        return _unescape(self.user)

    @property
    def address_of_record(self) -> str:
        """``user@host``, decoded, the host in lower case: a registration's key (RFC 3261 10.3)."""
        host = format_host(self.host.lower())
        return f"{self.decoded_user}@{host}" if self.user else host

    def with_parts(self, *, user: str | None = None, host: str | None = None, port: int | None = None) -> "Uri":
        """The same URI with another user, or another host and port; the port goes with the host."""
        changed = self if user is None else replace(self, user=user)
        return changed if host is None else replace(changed, host=host, port=port)

    def hop(self) -> tuple[str, str, int]:
        """(transport, host, port) that a request to this URI goes to, before any DNS (RFC 3261 18.1.1, RFC 3263 4).

        Port 0 means that the resolver decides: a name without a port. Raises UnsupportedSchemeError.
        """
        if not self.is_sip:
            raise UnsupportedSchemeError(f"{self.scheme}: cannot be sent to")
        host = (self.params.get("maddr") or self.host).strip("[]")
        transport = (self.params.get("transport") or ("tls" if self.is_secure else "udp")).upper()
        if self.is_secure and transport == "TCP":
            transport = "TLS"
        port = self.port
        if port is None:
            port = (5061 if transport == "TLS" else 5060) if _is_ip_literal(host) else 0
        return transport, host, port

    def __str__(self) -> str:
        if not self.is_sip:
            return f"{self.scheme}:{self.opaque or self.user}{format_params(self.params)}"
        password = "" if self.password is None else f":{self.password}"
        userinfo = f"{self.user}{password}@" if self.user or self.password is not None else ""
        query = "?" + "&".join(f"{name}={value}" for name, value in self.headers) if self.headers else ""
        return f"{self.scheme}:{userinfo}{format_host(self.host, self.port)}{format_params(self.params)}{query}"

    def __eq__(self, other: object) -> bool:
        """Equal as RFC 3261 19.1.4 has it: escapes resolved, case ignored where it must be. Not transitive."""
        if not isinstance(other, Uri):
            return NotImplemented
        return self._compared() == other._compared() and _params_agree(self.params, other.params)

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        """The parts that must be the same in both; parameters have a rule of their own."""
        if self.scheme == "tel":
            return self.scheme, re.sub(r"[\-.()]", "", self.user).lower()
        if not self.is_sip:
            return self.scheme, self.opaque
        password = None if self.password is None else _unescape(self.password)
        host: object = IPv6Address(self.host) if ":" in self.host else self.host.lower()
        headers = frozenset((name.lower(), _unescape(value)) for name, value in self.headers)
        return self.scheme, self.decoded_user, password, host, self.port, headers


def _read(text: str) -> Uri:
    match = _SCHEME.match(text)
    if match is None or _FORBIDDEN.search(text):
        raise UriError(f"{text[:80]!r} is no URI")
    scheme = match[1].lower()
    rest = text[match.end() :]
    try:
        if scheme in ("sip", "sips"):
            return _parse_sip(scheme, rest)
        if scheme == "tel":
            return _parse_tel(rest)
    except HeaderError as fault:
        raise UriError(f"{text[:80]!r}: {fault}") from fault
    return Uri(scheme, opaque=rest)


# Those of trunks, and of phones that are in a call, are read several times for each call.
_read_once = lru_cache(maxsize=2048)(_read)


def _parse_sip(scheme: str, rest: str) -> Uri:
    # The first @ ends the user part, which may hold ; ? / and others (RFC 3261 25.1, user-unreserved).
    userinfo, at, rest = rest.partition("@") if "@" in rest else ("", "", rest)
    user, colon, password = userinfo.partition(":")
    if at and not user:
        raise UriError("no user before the @")
    rest, _, query = rest.partition("?")
    address, semicolon, params = rest.partition(";")
    host, port = _split_host_port(address)
    return Uri(
        scheme,
        user,
        parse_host(host),
        None if port is None else parse_number(port, 65535, "port"),
        parse_params(semicolon + params) if params else {},
        password if colon else None,
        tuple(_parse_header(part) for part in query.split("&")) if query else (),
    )


def _split_host_port(address: str) -> tuple[str, str | None]:
    # A name or an IPv4 literal has no colon of its own; an IPv6 literal has its colons before the bracket.
    host, colon, port = address.rpartition(":")
    return (host, port) if colon and "]" not in port else (address, None)


def _parse_header(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name:
        raise UriError("a header without a name")
    return name, value


def _parse_tel(rest: str) -> Uri:
    number, semicolon, params = rest.partition(";")
    if not _TEL_NUMBER.fullmatch(number):
        raise UriError("no telephone number")
    return Uri("tel", number, params=parse_params(semicolon + params))


def _params_agree(ours: Params, theirs: Params) -> bool:
    for name in (*ours.keys() & theirs.keys(), *_COMPARED_ALWAYS):
        mine, other = ours.get(name, ""), theirs.get(name, "")
        if (mine or "").lower() != (other or "").lower():
            return False
    return True


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _is_ip_literal(host: str) -> bool:
    if is_ipv6(host):
        return True
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
