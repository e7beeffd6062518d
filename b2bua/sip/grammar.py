"""The fragments of RFC 3261 25.1 that headers and URIs share: tokens, quoted strings, parameters, lists.

All of it is linear in its input: repetitions are possessive, so no pattern can backtrack.
Text is UTF-8 decoded with surrogateescape; nothing here looks at a character above 0x7F.
"""

import re
from ipaddress import AddressValueError, IPv6Address

from b2bua.sip.errors import HeaderError

Params = dict[str, str | None]
"""Parameters in order: lower-case name to value as written (quotes included), None for a bare name."""

SPACE = " \t"
"""What linear white space is made of, once folded lines are joined."""

TOKEN_CHARS = r"A-Za-z0-9\-.!%*_+`'~"
ABSOLUTE_URI = r'[A-Za-z][A-Za-z0-9+.\-]*+:[^\x00-\x20\x7f<>"]++'
"""A pattern for a URI of any scheme, as far as it must be known where it ends."""

TOKEN = re.compile(rf"[{TOKEN_CHARS}]++")

# What nearly every message has: no spaces, no quoted values. It is then safe to split at the semicolons.
_PLAIN_PARAMS = re.compile(rf'(?:;[{TOKEN_CHARS}]++(?:=[^\x00-\x20\x7f;,<>"]++)?+)++')
_PARAMETER_VALUE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\x00-\x20\x7f;,<>"]++', re.DOTALL)
_HOST_NAME = re.compile(r"[A-Za-z0-9_.\-]++")
# An opening quote or bracket without its end runs to the end of the text.
_PROTECTED_OR_COMMA = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|<[^>]*+>?+|,', re.DOTALL)
_PROTECTED_OR_SEMICOLON = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|;', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

MAX_CACHED_CHARS = 128
"""Values that come again and again are read once; what is longer than this is not kept, so that caches stay small."""


def is_token(text: str) -> bool:
    """Whether text is one ``token``."""
    return TOKEN.fullmatch(text) is not None


def parse_number(text: str, limit: int, what: str) -> int:
    """Read ``1*DIGIT`` up to ``limit``; raises HeaderError, also for signs and digits of other scripts."""
    # Ten digits hold every number of SIP; more would make int() slow before it is found too large.
    digits = text if len(text) <= 10 else "0" + text.lstrip("0")
    if digits.isdigit() and digits.isascii() and len(digits) <= 11:
        number = int(digits)
        if number <= limit:
            return number
    raise HeaderError(f"{what}: {text[:40]!r} is not a number up to {limit}")


def parse_host(text: str) -> str:
    """Check ``host`` (a name, an IPv4 literal, a bracketed IPv6 literal); returns it without brackets."""
    if _HOST_NAME.fullmatch(text):
        return text
    if text[:1] == "[" and text[-1:] == "]" and is_ipv6(text[1:-1]):
        return text[1:-1]
    raise HeaderError(f"{text[:80]!r} is no host")


def is_ipv6(text: str) -> bool:
    """Whether text is an IPv6 literal, without brackets and without a zone."""
    if ":" not in text:
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text


def format_host(host: str, port: int | None = None) -> str:
    """``hostport``: brackets around IPv6, the port where there is one."""
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


def quote(text: str) -> str:
    """Text as a quoted-string."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unquote(text: str) -> str:
    """The text of a quoted-string; anything else comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def split_list(text: str) -> list[str]:
    """The values of a comma-separated list; commas in quotes and angle brackets do not count.

    Empty elements are dropped.
    """
    if "," not in text:
        return [text] if text else []
    values: list[str] = []
    start = 0
    for match in _PROTECTED_OR_COMMA.finditer(text):
        if match[0] == ",":
            values.append(text[start : match.start()].strip(SPACE))
            start = match.end()
    values.append(text[start:].strip(SPACE))
    return [value for value in values if value]


def parse_params(text: str) -> Params:
    """Read ``;name=value;name``, spaces allowed around each sign; the first of two equal names counts.

    Text is empty or begins with the semicolon. Empty parameters (``;;``) are passed over.
    """
    params: Params = {}
    if not text:
        return params
    if not _PLAIN_PARAMS.fullmatch(text):
        return _parse_odd_params(text)
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        params.setdefault(name.lower(), value if equals else None)
    return params


def _parse_odd_params(text: str) -> Params:
    """Parameters with spaces, quoted values or nothing between two semicolons."""
    params: Params = {}
    parts = _split_quoted_params(text)
    if parts[0].strip(SPACE):
        raise HeaderError(f"{parts[0][:80]!r} stands where a parameter should begin")
    for part in parts[1:]:
        name, equals, value = (piece.strip(SPACE) for piece in part.partition("="))
        if not name and not equals:
            continue
        if not is_token(name) or (equals and not _PARAMETER_VALUE.fullmatch(value)):
            raise HeaderError(f"{part[:80]!r} is no parameter")
        params.setdefault(name.lower(), value if equals else None)
    return params


def _split_quoted_params(text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for match in _PROTECTED_OR_SEMICOLON.finditer(text):
        if match[0] == ";":
            parts.append(text[start : match.start()])
            start = match.end()
    parts.append(text[start:])
    return parts


def format_params(params: Params) -> str:
    """``;name=value;name``, or nothing."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
