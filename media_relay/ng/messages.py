"""ng messages: the envelope and the shape of a reply; ``media_relay.ng.requests`` has the requests. Pure.

A datagram is ``cookie SP dictionary``; the reply repeats the cookie.
"""

from collections.abc import Mapping
from typing import Final

from media_relay.ng.bencode import BencodeError, Decoded, Encodable, decode, encode

MAX_COOKIE: Final = 255
"""Bytes; rtpengine's clients use about 20."""

PORTS_EXHAUSTED: Final = "out of ports"
"""How the ``error-reason`` begins when no port pair is left: a call for which the client answers 503."""

Reply = dict[str, Encodable]


class NgFormatError(ValueError):
    """Not an ng datagram; there may be no cookie to answer with."""


class NgError(Exception):
    """A request that cannot be carried out; its text is the reply's ``error-reason``."""


def pack(cookie: bytes, message: Mapping[str, Encodable]) -> bytes:
    """A request or reply as a datagram."""
    return cookie + b" " + encode(message)


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
    """The dictionary of a datagram. Raises NgFormatError."""
    try:
        message = decode(body)
    except BencodeError as error:
        raise NgFormatError(f"not bencode: {error}") from None
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
