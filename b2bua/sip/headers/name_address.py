"""From, To, Contact, Route and their kind: an address with a name and parameters (RFC 3261 20.10)."""

import re
from typing import NamedTuple

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import ABSOLUTE_URI, SPACE, TOKEN_CHARS, Params, format_params, parse_params, quote, unquote

_QUOTED_NAME = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t]*+<', re.DOTALL)
# What nearly every message has, in one match: no escapes in the name, no parameter but the tag.
_COMMON = re.compile(
    rf'(?:"([^"\\]*+)"[ \t]*+|([^"<\\]*+))<({ABSOLUTE_URI})>(?:;tag=([{TOKEN_CHARS}]++))?',
)
_URI = re.compile(ABSOLUTE_URI)


class NameAddress(NamedTuple):
    """``"display" <uri>;params``. ``display`` is the bare text, ``uri`` as written, without brackets."""

    display: str
    uri: str
    params: Params

    @classmethod
    def parse(cls, text: str) -> "NameAddress":
        """Read one value (not a list), with or without brackets; raises HeaderError.

        Without brackets a parameter belongs to the header, and the URI may not hold a comma or a question
        mark (RFC 3261 20.10). A Contact of ``*`` is the URI ``*``.
        """
        common = _COMMON.fullmatch(text)
        if common is not None:
            quoted, plain, uri, tag = common.groups()
            display = plain.strip(SPACE) if quoted is None else quoted
            return cls(display, uri, {} if tag is None else {"tag": tag})
        if text[:1] == '"':
            match = _QUOTED_NAME.match(text)
            if match is None:
                raise HeaderError(f"{text[:80]!r}: the quoted name does not end, or no <URI> follows it")
            display = unquote(match[1])
            rest = text[match.end() :]
        else:
            display, bracket, rest = text.partition("<")
            if not bracket:
                return cls._parse_bare(text)
            display = display.strip(SPACE)
            if '"' in display:
                raise HeaderError(f"{text[:80]!r}: a quote inside the display name")
        uri, bracket, params = rest.partition(">")
        if not bracket or not _URI.fullmatch(uri):
            raise HeaderError(f"{text[:80]!r} has no URI between < and >")
        return cls(display, uri, parse_params(params))

    @classmethod
    def _parse_bare(cls, text: str) -> "NameAddress":
        uri, semicolon, params = text.partition(";")
        uri = uri.rstrip(SPACE)
        if uri != "*" and (not _URI.fullmatch(uri) or "," in uri or "?" in uri):
            raise HeaderError(f"{text[:80]!r} is no address")
        return cls("", uri, parse_params(semicolon + params))

    @property
    def tag(self) -> str:
        """The dialog's tag, or nothing."""
        return self.params.get("tag") or ""

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        name = f"{quote(self.display)} " if self.display else ""
        return f"{name}<{self.uri}>{format_params(self.params)}"
