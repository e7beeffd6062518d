"""Bencode (BEP 3), the usual encoding of ng messages. Pure.

Decoded byte strings stay ``bytes`` (an SDP body is bytes), dictionary keys become ``str``. As rtpengine does,
the decoder takes keys in any order, and the encoder writes them in the order in which they were put in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

Decoded = int | bytes | list["Decoded"] | dict[str, "Decoded"]
"""What ``decode`` gives."""

Encodable = int | str | bytes | Sequence["Encodable"] | Mapping[str, "Encodable"]
"""What ``encode`` takes; text is written as UTF-8."""

_MAX_DEPTH = 16  # ng nests four levels; without a bound a datagram of "llll..." would exhaust the stack
# Without a bound of digits int() of a long string would take quadratic time.
_LENGTH = re.compile(rb"([0-9]{1,9}):")
_NUMBER = re.compile(rb"i(-?[0-9]{1,20})e")
_END = 0x65  # e
_DIGITS = frozenset(b"0123456789")
_MAX_NUMBER = 22
_CACHED_LENGTH = 40


class BencodeError(ValueError):
    """The bytes are not one complete bencoded value."""


class BencodeIncompleteError(BencodeError):
    """The bytes end in mid-value: more of them might complete it."""


def encode(value: Encodable) -> bytes:
    """``value`` as bencode. Raises TypeError for a type that bencode has no form for."""
    parts: list[bytes] = []
    _append(value, parts.append)
    return b"".join(parts)


def decode(data: bytes) -> Decoded:
    """The one value that ``data`` holds. Raises BencodeError for anything else, trailing bytes included."""
    value, end = decode_at(data, 0)
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes after the value")
    return value


def decode_at(data: bytes, start: int) -> tuple[Decoded, int]:
    """The value that begins at ``start``, and where it ends. Raises BencodeError."""
    try:
        return _value(data, start, _MAX_DEPTH)
    except IndexError:
        raise BencodeIncompleteError("ends in mid-value") from None


def _append(value: Encodable, write: Callable[[bytes], None]) -> None:
    # Concrete types first: a reply has hundreds of values, and isinstance() of an abstract class is slow.
    if isinstance(value, str):
        write(_name(value) if len(value) <= _CACHED_LENGTH else _text(value))
    elif isinstance(value, int):
        write(b"i%de" % value)
    elif isinstance(value, bytes):
        write(b"%d:%b" % (len(value), value))
    elif isinstance(value, dict | Mapping):
        write(b"d")
        for name, inner in value.items():
            if type(inner) is int:  # most of a reply: that saves a call
                write(b"%bi%de" % (_name(name), inner))
            else:
                write(_name(name))
                _append(inner, write)
        write(b"e")
    elif isinstance(value, list | Sequence):
        write(b"l")
        for inner in value:
            _append(inner, write)
        write(b"e")
    else:
        raise TypeError(f"bencode has no form for {type(value).__name__}")


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return b"%d:%b" % (len(raw), raw)


_name = lru_cache(maxsize=1024)(_text)
"""For short text: the same names, flags and addresses are written again and again."""


def _value(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    if depth == 0:
        raise BencodeError(f"nested deeper than {_MAX_DEPTH} levels")
    match data[at]:
        case 0x64:  # d
            return _dictionary(data, at + 1, depth - 1)
        case 0x6C:  # l
            return _list(data, at + 1, depth - 1)
        case 0x69:  # i
            return _number(data, at)
    return _string(data, at)


def _dictionary(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    result: dict[str, Decoded] = {}
    value: Decoded
    while data[at] != _END:
        key, at = _string(data, at)
        is_string = data[at] in _DIGITS  # nearly all are: asking here saves a call
        value, at = _string(data, at) if is_string else _value(data, at, depth)
        result[key.decode("utf-8", "surrogateescape")] = value
    return result, at + 1


def _list(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    result: list[Decoded] = []
    while data[at] != _END:
        item, at = _value(data, at, depth)
        result.append(item)
    return result, at + 1


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    length = _LENGTH.match(data, at)
    if length is None:
        raise _malformed(data, at, b"0123456789", "length of a string")
    start = length.end()
    end = start + int(length[1])
    if end > len(data):
        raise BencodeIncompleteError(f"string of {end - start} bytes at {at} with {len(data) - start} bytes left")
    return data[start:end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = _NUMBER.match(data, at)
    if number is None:
        raise _malformed(data, at, b"i-0123456789", "number")
    return int(number[1]), number.end()


def _malformed(data: bytes, at: int, characters: bytes, what: str) -> BencodeError:
    """Why nothing is there: it may only not have come yet."""
    rest = data[at : at + _MAX_NUMBER]
    is_cut = len(rest) < _MAX_NUMBER and not rest.strip(characters)
    return (BencodeIncompleteError if is_cut else BencodeError)(f"no {what} at {at}")
