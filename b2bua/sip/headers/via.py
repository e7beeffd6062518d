"""Via: where a response goes (RFC 3261 20.42, 18.2; RFC 3581)."""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import (
    MAX_CACHED_CHARS,
    TOKEN_CHARS,
    Params,
    format_host,
    format_params,
    is_ipv6,
    parse_host,
    parse_number,
    parse_params,
)

MAGIC_COOKIE = "z9hG4bK"
"""Begins every branch that is unique to its transaction (RFC 3261 8.1.1.7)."""

_SENT_BY = re.compile(
    rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]++"
    r"(\[[^\]]*+\]|[A-Za-z0-9_.\-]++)[ \t]*+(?::[ \t]*+(\d++)[ \t]*+)?+",
    re.ASCII,
)


class Via(NamedTuple):
    """One hop. ``transport`` is upper case, ``host`` has no brackets, ``port`` is None where it is left out."""

    transport: str
    host: str
    port: int | None
    params: Params
    protocol: str = "SIP/2.0"

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one value (not a list); raises HeaderError. Any protocol and version is let through."""
        sent_by, semicolon, params = text.partition(";")
        read = _read_sent_by_once if len(sent_by) <= MAX_CACHED_CHARS else _read_sent_by
        transport, host, port, protocol = read(sent_by)
        return cls(transport, host, port, parse_params(semicolon + params), protocol)

    @property
    def branch(self) -> str:
        """The transaction's branch, or nothing (RFC 2543)."""
        return self.params.get("branch") or ""

    @property
    def is_unique_branch(self) -> bool:
        """Whether the branch alone names the transaction (RFC 3261 17.2.3)."""
        return self.branch.startswith(MAGIC_COOKIE) and len(self.branch) > len(MAGIC_COOKIE)

    @property
    def received(self) -> str:
        """The source address that the next hop saw, without brackets (RFC 5118 4.5), or nothing."""
        return (self.params.get("received") or "").strip("[]")

    @property
    def rport(self) -> int | None:
        """The source port that the next hop saw (RFC 3581 4), None where it is not filled in."""
        value = self.params.get("rport")
        return int(value) if value is not None and len(value) <= 5 and value.isascii() and value.isdigit() else None

    def with_source(self, host: str, port: int) -> "Via":
        """This Via as a server marks it: ``received`` where the host differs, ``rport`` where it was asked.

        RFC 3261 18.2.1, RFC 3581 4. ``received`` and ``rport`` values of the sender are not believed.
        """
        params = {name: value for name, value in self.params.items() if name != "received"}
        asked = "rport" in params
        if asked:
            params["rport"] = str(port)
        if asked or not _same_host(host, self.host):
            params["received"] = host
        return self._replace(params=params)

    def __str__(self) -> str:
        return f"{self.protocol}/{self.transport} {format_host(self.host, self.port)}{format_params(self.params)}"


def _read_sent_by(text: str) -> tuple[str, str, int | None, str]:
    """(transport, host, port, protocol): the part of a Via that all messages of one peer share."""
    match = _SENT_BY.fullmatch(text)
    if match is None:
        raise HeaderError(f"Via: {text[:80]!r} is no sent-protocol and sent-by")
    name, version, transport, host, port = match.groups()
    return (
        transport.upper(),
        parse_host(host) if host[0] == "[" else host,
        None if port is None else parse_number(port, 65535, "Via port"),
        f"{name}/{version}",
    )


_read_sent_by_once = lru_cache(maxsize=1024)(_read_sent_by)


def _same_host(one: str, other: str) -> bool:
    if one == other:
        return True
    return ":" in one and is_ipv6(one) and is_ipv6(other) and IPv6Address(one) == IPv6Address(other)
