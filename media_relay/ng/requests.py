"""The requests of the ng protocol as typed data. Pure.

Clients spell names with spaces, hyphens or underscores and in any case, and give most options either as a key or as
a word in ``flags``; all of that is settled here. An unknown key or flag is ignored, as rtpengine does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from media_relay.ng.bencode import Decoded
from media_relay.ng.messages import NgError

MAX_ID: Final = 1024
"""Bytes of a call-id or tag."""

MUX_WORDS: Final = frozenset({"offer", "require", "demux", "accept", "reject"})


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Description:
    """What offer and answer have in common: one side's SDP and how to change it for the other.

    ``interfaces`` names ours towards the sender and towards the other side; ``address_family`` (``IP4``, ``IP6``) is
    for the other side. ``received_from`` is the host that the SIP message came from, believed instead of the SDP's when
    ``trust_sdp_address`` is false. ``replace`` holds ``origin``, ``session-connection``, ``session-name``.
    ``mux`` holds words of ``MUX_WORDS``. ``strip_codecs`` go unless ``keep_codecs`` names them.
    """

    call_id: str
    from_tag: str
    to_tag: str
    via_branch: str
    sdp: bytes
    interfaces: tuple[str, str] | None = None
    address_family: str = ""
    received_from: str = ""
    trust_sdp_address: bool = True
    replace: frozenset[str] = frozenset()
    mux: frozenset[str] = frozenset()
    strip_codecs: tuple[str, ...] = ()
    keep_codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer(Description):
    """An SDP offer, from ``from_tag``; the reply's SDP is for the other side."""


@dataclass(frozen=True, slots=True)
class Answer(Description):
    """An SDP answer, from ``to_tag``, to the offer that ``from_tag`` made."""


@dataclass(frozen=True, slots=True)
class Delete:
    """End a call, or one branch of it. ``to_tag`` is empty unless the client wants it to count."""

    call_id: str
    from_tag: str
    to_tag: str
    via_branch: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Query:
    """How is a call? Empty tags ask for all of it."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ListCalls:
    """Which calls are there? At most ``limit``."""

    limit: int


Request = Ping | Offer | Answer | Delete | Query | ListCalls


def parse_request(message: Mapping[str, Decoded]) -> Request:
    """The request in a decoded dictionary. Raises NgError for an unknown command or a missing or impossible value."""
    fields = _Fields(message)
    command = fields.text("command").lower()
    parse = _COMMANDS.get(command)
    if parse is None:
        raise NgError(f"unknown command {command[:40]!r}" if command else "no command given")
    return parse(fields)


class _Fields:
    """A dictionary whose names are found however they are spelt."""

    def __init__(self, message: Mapping[str, Decoded]) -> None:
        self._values = {_spelling(name): value for name, value in message.items()}
        self.flags = frozenset(map(_spelling, self.words("flags")))

    def text(self, name: str) -> str:
        value = self._values.get(name, b"")
        if not isinstance(value, bytes):
            raise NgError(f"{name} is not a string")
        return value.decode("utf-8", "surrogateescape")

    def words(self, name: str) -> list[str]:
        """A list of strings, or one string for a list of one."""
        value = self._values.get(name, [])
        values = value if isinstance(value, list) else [value]
        return [word.decode("utf-8", "surrogateescape") for word in values if isinstance(word, bytes)]

    def identifier(self, name: str, *, required: bool = False) -> str:
        value = self.text(name)
        if required and not value:
            raise NgError(f"{name} is missing")
        if len(value) > MAX_ID:
            raise NgError(f"{name} is longer than {MAX_ID} bytes")
        return value

    def octets(self, name: str) -> bytes:
        value = self._values.get(name)
        if not isinstance(value, bytes):
            raise NgError(f"{name} is missing")
        return value

    def number(self, name: str, default: int) -> int:
        value = self._values.get(name, default)
        if not isinstance(value, int):
            raise NgError(f"{name} is not a number")
        return value

    def inner(self, name: str) -> "_Fields":
        value = self._values.get(name)
        return _Fields(value if isinstance(value, dict) else {})

    def flagged(self, prefix: str) -> list[str]:
        """What follows ``prefix-`` or ``prefix=`` in the flags that begin so, in its own spelling."""
        found = (word for word in self.words("flags") if _spelling(word).startswith((prefix + "-", prefix + "=")))
        return [word[len(prefix) + 1 :] for word in found]


def _spelling(name: str) -> str:
    return name.strip().lower().replace(" ", "-").replace("_", "-")


def _parse_offer(fields: _Fields) -> Offer:
    return Offer(**_description(fields))


def _parse_answer(fields: _Fields) -> Answer:
    fields.identifier("to-tag", required=True)
    return Answer(**_description(fields))


def _description(fields: _Fields) -> dict[str, Any]:
    codecs = fields.inner("codec")
    return {
        "call_id": fields.identifier("call-id", required=True),
        "from_tag": fields.identifier("from-tag", required=True),
        "to_tag": fields.identifier("to-tag"),
        "via_branch": fields.identifier("via-branch"),
        "sdp": fields.octets("sdp"),
        "interfaces": _interfaces(fields.words("direction")),
        "address_family": _family(fields.text("address-family")),
        "received_from": _received_from(fields.words("received-from")),
        "trust_sdp_address": "sip-source-address" not in fields.flags,
        "replace": frozenset(map(_spelling, fields.words("replace") + fields.flagged("replace"))),
        "mux": MUX_WORDS.intersection(fields.words("rtcp-mux") + fields.flagged("rtcp-mux")),
        "strip_codecs": tuple(codecs.words("strip") + fields.flagged("codec-strip")),
        "keep_codecs": tuple(codecs.words("except") + fields.flagged("codec-except")),
    }


def _interfaces(names: list[str]) -> tuple[str, str] | None:
    match names:
        case []:
            return None
        case [towards_sender, towards_other]:
            return towards_sender, towards_other
    raise NgError("direction names two interfaces")


def _family(text: str) -> str:
    families = {"": "", "ip4": "IP4", "ipv4": "IP4", "ip6": "IP6", "ipv6": "IP6"}
    try:
        return families[text.lower()]
    except KeyError:
        raise NgError("address-family is IP4 or IP6") from None


def _received_from(words: list[str]) -> str:
    """The host in ``[IP4, host]``; in the canonical form that sockets report."""
    try:
        return str(ip_address(words[-1])) if words else ""
    except ValueError:
        raise NgError("received-from is not an address") from None


def _parse_delete(fields: _Fields) -> Delete:
    return Delete(
        call_id=fields.identifier("call-id", required=True),
        from_tag=fields.identifier("from-tag"),
        to_tag=fields.identifier("to-tag") if "to-tag" in fields.flags else "",
        via_branch=fields.identifier("via-branch"),
        fatal="fatal" in fields.flags,
    )


def _parse_query(fields: _Fields) -> Query:
    return Query(fields.identifier("call-id", required=True))


def _parse_list(fields: _Fields) -> ListCalls:
    return ListCalls(fields.number("limit", 32))


_COMMANDS: dict[str, Callable[[_Fields], Request]] = {
    "ping": lambda _: Ping(),
    "offer": _parse_offer,
    "answer": _parse_answer,
    "delete": _parse_delete,
    "query": _parse_query,
    "list": _parse_list,
}
