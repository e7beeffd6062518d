"""ng messages: the envelope and the shape of a reply; ``media_relay.ng.requests`` has the requests. Pure.

A message is ``cookie SP dictionary``; the reply repeats the cookie and the encoding, which is bencode or JSON.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from media_relay.ng import bencode, json_form
from media_relay.ng.bencode import Decoded, Encodable

MAX_COOKIE: Final = 255
"""Bytes; rtpengine's clients use about 20."""

PORTS_EXHAUSTED: Final = "out of ports"
"""How the ``error-reason`` begins when no port pair is left: a call for which the client answers 503."""

LOAD_LIMIT: Final = "load limit"
"""The ``result`` instead, for a client that says it understands it: it tries another relay."""

Reply = dict[str, Encodable]


class NgFormatError(ValueError):
    """Not an ng datagram; there may be no cookie to answer with."""


class NgError(Exception):
    """A request that cannot be carried out; its text is the reply's ``error-reason``."""


class Form(NamedTuple):
    """An encoding. ``decode`` raises ``error``; ``decode_at`` tells where the value ends, too."""

    encode: Callable[[Encodable], bytes]
    decode: Callable[[bytes], Decoded]
    decode_at: Callable[[bytes, int], tuple[Decoded, int]]
    error: type[ValueError]


BENCODE: Final = Form(bencode.encode, bencode.decode, bencode.decode_at, bencode.BencodeError)
JSON: Final = Form(json_form.encode, json_form.decode, json_form.decode_at, json_form.JsonFormError)


def form_of(body: bytes) -> Form:
    """The encoding of a dictionary, told by its first character. Raises NgFormatError."""
    match body[:1]:
        case b"d":
            return BENCODE
        case b"{":
            return JSON
    raise NgFormatError("neither a bencoded dictionary nor a JSON object")


def pack(cookie: bytes, message: Mapping[str, Encodable], form: Form = BENCODE) -> bytes:
    """A request or reply as a datagram."""
    return cookie + b" " + form.encode(message)


def unpack(datagram: bytes) -> tuple[bytes, dict[str, Decoded]]:
    """Cookie and dictionary of a datagram. Raises NgFormatError."""
    cookie, body = split_cookie(datagram)
    return cookie, parse_body(body)


def split_cookie(datagram: bytes) -> tuple[bytes, bytes]:
    """Cookie and undecoded dictionary of a datagram. Raises NgFormatError."""
    cookie, space, body = datagram.partition(b" ")
    if not cookie or not space or len(cookie) > MAX_COOKIE:
        raise NgFormatError("no cookie")
    return cookie, body


def parse_body(body: bytes) -> dict[str, Decoded]:
    """The dictionary of a datagram, in either encoding. Raises NgFormatError."""
    form = form_of(body)
    try:
        message = form.decode(body)
    except form.error as error:
        raise NgFormatError(str(error)) from None
    if not isinstance(message, dict):
        raise NgFormatError("not a dictionary")
    return message


def error_reply(reason: str) -> Reply:
    """The reply for a request that failed."""
    return {"result": "error", "error-reason": reason}


def error_reason(reply: Mapping[str, Decoded]) -> str | None:
    """Why a relay refused, or None if it did not."""
    if reply.get("result") in (b"ok", b"pong"):
        return None
    reason = reply.get("error-reason", b"no reason given")
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else "malformed reply"
