"""CSeq: which request of a dialog this is (RFC 3261 20.16)."""

import re
from functools import lru_cache
from typing import NamedTuple

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import MAX_CACHED_CHARS, TOKEN_CHARS, parse_number

_CSEQ = re.compile(rf"(\d++)[ \t]++([{TOKEN_CHARS}]++)", re.ASCII)

MAX_NUMBER = 2**31 - 1
"""RFC 3261 8.1.1.5."""


class CSeq(NamedTuple):
    """A sequence number below 2**31 and the method, whose case matters."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read a header's value; raises HeaderError."""
        return _read_once(text) if len(text) <= MAX_CACHED_CHARS else _read(text)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def _read(text: str) -> CSeq:
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise HeaderError(f"CSeq: {text[:80]!r} is no number and method")
    number, method = match.groups()
    return CSeq(parse_number(number, MAX_NUMBER, "CSeq"), method)


_read_once = lru_cache(maxsize=1024)(_read)
