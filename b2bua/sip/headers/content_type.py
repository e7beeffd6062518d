"""Content-Type: what a body is (RFC 3261 20.15)."""

import re
from functools import lru_cache
from typing import NamedTuple

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import MAX_CACHED_CHARS, TOKEN_CHARS, Params, format_params, parse_params

_MEDIA_TYPE = re.compile(rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+(?=;|$)")


class ContentType(NamedTuple):
    """``media_type`` is lower case, as in ``application/sdp``. ``params`` are shared: not to be changed."""

    media_type: str
    params: Params

    @classmethod
    def parse(cls, text: str) -> "ContentType":
        """Read a header's value; raises HeaderError."""
        return _read_once(text) if len(text) <= MAX_CACHED_CHARS else _read(text)

    def __str__(self) -> str:
        return f"{self.media_type}{format_params(self.params)}"


def _read(text: str) -> ContentType:
    match = _MEDIA_TYPE.match(text)
    if match is None:
        raise HeaderError(f"Content-Type: {text[:80]!r} is no media type")
    return ContentType(f"{match[1]}/{match[2]}".lower(), parse_params(text[match.end() :]))


_read_once = lru_cache(maxsize=256)(_read)
