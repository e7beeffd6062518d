"""JSON, the other encoding of ng messages, mapped to what bencode can say. Pure.

Strings become ``bytes`` and back, so that nobody else has to know which encoding a client uses. What bencode has no
form for (fractions, null) is refused, as rtpengine refuses it.
"""

import json
from typing import Any, Final

from media_relay.ng.bencode import Decoded, Encodable

_MAX_DEPTH: Final = 16
_LONGEST_TOKEN: Final = 6
"""Characters: an escape, or a word such as ``false``; what is cut off is reported at its beginning."""
_DECODER: Final = json.JSONDecoder()


class JsonFormError(ValueError):
    """The bytes are not one JSON value that bencode could say, too."""


class JsonIncompleteError(JsonFormError):
    """Not a JSON value yet, though more bytes might make it one."""


def encode(value: Encodable) -> bytes:
    """``value`` as compact JSON. Bytes that are no UTF-8 come back from ``decode`` as they were."""
    return json.dumps(_to_text(value), separators=(",", ":")).encode()


def decode(data: bytes) -> Decoded:
    """The one value that ``data`` holds. Raises JsonFormError for anything else."""
    value, end = decode_at(data, 0)
    if data[end:].strip():
        raise JsonFormError(f"{len(data) - end} bytes after the value")
    return value


def decode_at(data: bytes, start: int) -> tuple[Decoded, int]:
    """The value that begins at ``start``, and where it ends. Raises JsonFormError.

    Offsets are bytes; bytes that are no UTF-8 are kept.
    """
    text = data[start:].decode("utf-8", "surrogateescape")
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - _LONGEST_TOKEN
        raise (JsonIncompleteError if is_cut else JsonFormError)(f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError):  # a number of too many digits; "[[[[..."
        raise JsonFormError("JSON with too long a number, or nested too deeply") from None
    return _from_text(value, _MAX_DEPTH), start + len(text[:end].encode("utf-8", "surrogateescape"))


def _from_text(value: Any, depth: int) -> Decoded:
    if depth == 0:
        raise JsonFormError(f"nested deeper than {_MAX_DEPTH} levels")
    match value:
        case str():
            return _octets(value)
        case int():
            return int(value)  # a bool, too
        case dict():
            return {name: _from_text(inner, depth - 1) for name, inner in value.items()}
        case list():
            return [_from_text(inner, depth - 1) for inner in value]
    raise JsonFormError(f"JSON with a value that ng does not know: {value!r}"[:80])


def _octets(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise JsonFormError("JSON with half a surrogate pair") from None


def _to_text(value: Encodable) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {name: _to_text(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_text(inner) for inner in value]
    return value
