"""Bencode (BEP 3), the encoding of ng messages. Pure.

Decoded byte strings stay ``bytes`` (an SDP body is bytes), dictionary keys become ``str``. As rtpengine does,
the decoder takes keys in any order; the encoder sorts them, so equal messages are equal bytes.
"""

from collections.abc import Mapping, Sequence

Decoded = int | bytes | list["Decoded"] | dict[str, "Decoded"]
"""What ``decode`` gives."""

Encodable = int | str | bytes | Sequence["Encodable"] | Mapping[str, "Encodable"]
"""What ``encode`` takes; text is written as UTF-8."""

_MAX_DEPTH = 16  # ng nests four levels; without a bound a datagram of "llll..." would exhaust the stack
_MAX_DIGITS = 20  # a 64-bit number and its sign; without a bound int() of a long string takes quadratic time
_NUMBER_BYTES = frozenset(b"0123456789-")


class BencodeError(ValueError):
    """The bytes are not one complete bencoded value."""


def encode(value: Encodable) -> bytes:
    """``value`` as bencode. Raises TypeError for a type that bencode has no form for."""
    parts: list[bytes] = []
    _append(value, parts)
    return b"".join(parts)


def _append(value: Encodable, parts: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        parts.append(b"%d:" % len(value))
        parts.append(value)
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, Mapping):
        parts.append(b"d")
        for key in sorted(value):
            _append(key, parts)
            _append(value[key], parts)
        parts.append(b"e")
    elif isinstance(value, Sequence):
        parts.append(b"l")
        for item in value:
            _append(item, parts)
        parts.append(b"e")
    else:
        raise TypeError(f"bencode has no form for {type(value).__name__}")


def decode(data: bytes) -> Decoded:
    """The one value that ``data`` holds. Raises BencodeError for anything else, trailing bytes included."""
    value, end = _value(data, 0, _MAX_DEPTH)
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes after the value")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    if depth == 0:
        raise BencodeError(f"nested deeper than {_MAX_DEPTH} levels")
    match data[at : at + 1]:
        case b"d":
            return _dictionary(data, at + 1, depth - 1)
        case b"l":
            return _list(data, at + 1, depth - 1)
        case b"i":
            return _number(data, at + 1, b"e")
        case b"":
            raise BencodeError("ends in mid-value")
    return _string(data, at)


def _dictionary(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    result: dict[str, Decoded] = {}
    while data[at : at + 1] != b"e":
        key, at = _string(data, at)
        result[key.decode("utf-8", "surrogateescape")], at = _value(data, at, depth)
    return result, at + 1


def _list(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    result: list[Decoded] = []
    while data[at : at + 1] != b"e":
        item, at = _value(data, at, depth)
        result.append(item)
    return result, at + 1


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    length, start = _number(data, at, b":")
    end = start + length
    if length < 0 or end > len(data):
        raise BencodeError(f"string of {length} bytes at {at} with {len(data) - start} bytes left")
    return data[start:end], end


def _number(data: bytes, at: int, terminator: bytes) -> tuple[int, int]:
    end = data.find(terminator, at, at + _MAX_DIGITS + 1)
    digits = data[at:end]
    try:
        if end < 0 or not _NUMBER_BYTES.issuperset(digits):  # int() alone would take "+1", " 1" and "1_0"
            raise ValueError
        return int(digits), end + 1
    except ValueError:
        raise BencodeError(f"no number ending in {terminator.decode()!r} at {at}") from None
