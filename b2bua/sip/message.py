"""Requests and responses, read from bytes and written back (RFC 3261 7)."""

import re

from b2bua.sip.errors import HeaderError, MessageTooLargeError, ParseError, VersionError
from b2bua.sip.grammar import ABSOLUTE_URI, SPACE, is_token, parse_number
from b2bua.sip.headers.collection import Headers
from b2bua.sip.headers.names import SINGLE_HEADERS, SPELLINGS, canonical_name
from b2bua.sip.headers.via import Via
from b2bua.sip.typed_views import Message

__all__ = ["Headers", "Message", "Request", "Response", "parse"]

MAX_MESSAGE_BYTES = 65536
MAX_HEADERS = 256

COPIED_HEADERS = frozenset(("Via", "From", "To", "Call-ID", "CSeq", "Timestamp"))
"""What a response repeats of its request (RFC 3261 8.2.6)."""

_USUAL_METHODS = frozenset(
    ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "UPDATE", "MESSAGE", "PRACK")
)
_FOLD = re.compile(r"\r\n[ \t]++")
_LINE_BREAK = re.compile(r"[\r\n]")
_VERSION = re.compile(r"SIP/\d++\.\d++", re.ASCII)
_REQUEST_URI = re.compile(ABSOLUTE_URI)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.ASCII)


class Request(Message):
    """A request; ``uri`` is the Request-URI as written."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str, headers: Headers | None = None, body: bytes = b"") -> None:
        self.method = method
        self.uri = uri
        self.headers = Headers() if headers is None else headers
        self.body = body

    def to_bytes(self) -> bytes:
        """The message for the wire, Content-Length set right. Raises SerializeError."""
        return self.serialize(f"{self.method} {self.uri} SIP/2.0")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Request)
            and (self.method, self.uri, self.body) == (other.method, other.uri, other.body)
            and self.headers == other.headers
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.uri!r}, {self.headers!r}, {self.body!r})"


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers | None = None, body: bytes = b"") -> None:
        self.status = status
        self.reason = reason
        self.headers = Headers() if headers is None else headers
        self.body = body

    def to_bytes(self) -> bytes:
        """The message for the wire, Content-Length set right. Raises SerializeError."""
        return self.serialize(f"SIP/2.0 {self.status} {self.reason}")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Response)
            and (self.status, self.reason, self.body) == (other.status, other.reason, other.body)
            and self.headers == other.headers
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Response({self.status!r}, {self.reason!r}, {self.headers!r}, {self.body!r})"


def parse(data: bytes) -> Request | Response:
    """Read one message; what follows the body that Content-Length announces is not part of it.

    Without Content-Length the body is all that is left, as on UDP (RFC 3261 18.3). Raises ParseError; its
    ``.request`` is set where the fault can be answered. Afterwards no typed view of a request raises, far from the
    transaction that could still answer it. Of a response only Via, To, CSeq and the routes are read; whoever uses
    another view has to expect a HeaderError.
    """
    try:
        return _parse(data)
    except ParseError as fault:
        fault.request = read_answerable(data)
        raise


def _parse(data: bytes) -> Request | Response:
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError(f"{len(data)} bytes")
    if data[:1] == b"\r":
        data = data.lstrip(b"\r\n")  # RFC 3261 7.5
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise ParseError("no empty line ends the headers")
    lines = _split_lines(data[:end])
    if len(lines) > MAX_HEADERS + 1:
        raise MessageTooLargeError(f"{len(lines) - 1} headers")
    start_line = lines.pop(0)
    if start_line.startswith("SIP/2.0 "):
        status, reason = _read_status_line(start_line)
        headers = _read_headers(lines)
        response = Response(status, reason, headers, _cut_body(headers, data[end + 4 :]))
        response.check_identity()
        return response
    method, uri = _read_request_line(start_line)
    headers = _read_headers(lines)
    request = Request(method, uri, headers, _cut_body(headers, data[end + 4 :]))
    request.check_identity()
    request.check_views()
    if request.cseq.method != method:
        raise HeaderError(f"CSeq says {request.cseq.method}, the request is {method}")
    return request


def _split_lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    # A lone CR or LF ends a line for some readers and not for others: a header could hide in a value.
    content = "".join(lines)
    if "\n" in content or "\r" in content:
        raise ParseError("a CR or LF by itself in the headers")
    return lines


def _read_request_line(line: str) -> tuple[str, str]:
    """Method and URI of ``Method SP Request-URI SP SIP-Version``, one space each (RFC 3261 7.1)."""
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if version != "SIP/2.0" and _VERSION.fullmatch(version):
        raise VersionError(version)
    if version != "SIP/2.0" or not (method in _USUAL_METHODS or is_token(method)) or not _REQUEST_URI.fullmatch(uri):
        raise ParseError(f"{line[:80]!r} is no request line")
    # The user part may hold a question mark; behind it one begins headers, which have no place here (19.1.1).
    if "?" in uri and "?" in uri[uri.rfind("@") + 1 :]:
        raise ParseError("the Request-URI has headers")
    return method, uri


def _read_status_line(line: str) -> tuple[int, str]:
    """Status and reason of ``SIP-Version SP Status-Code SP Reason-Phrase`` (RFC 3261 7.2)."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise ParseError(f"{line[:80]!r} is no status line")
    return int(match[1]), match[2] or ""


def _read_headers(lines: list[str]) -> Headers:
    items: list[tuple[str, str]] = []
    spellings = SPELLINGS
    for line in lines:
        name, colon, value = line.partition(":")
        known = spellings.get(name)
        if known is None or not colon:
            if items and line[:1] in (" ", "\t"):
                items[-1] = _unfolded(items[-1], line)
                continue
            if not colon:
                raise HeaderError(f"{line[:80]!r} has no colon")
            known = canonical_name(name)
        items.append((known, value.strip(SPACE)))
    headers = Headers(items)
    for name in headers.repeated() & SINGLE_HEADERS:
        # The same value twice is harmless; two values are two messages in one.
        if len(set(headers.get_all(name))) > 1:
            raise HeaderError(f"{name} is there twice, with different values")
    return headers


def _unfolded(item: tuple[str, str], line: str) -> tuple[str, str]:
    """A header line with the next one, which continues it (RFC 3261 7.3.1); `MAX_HEADERS` bounds how often."""
    name, value = item
    return name, f"{value} {line.strip(SPACE)}".strip(SPACE)


def _cut_body(headers: Headers, data: bytes) -> bytes:
    """The body that Content-Length announces; takes the header away (RFC 3261 18.3, 20.14)."""
    text = headers.remove("Content-Length")
    if text is None:
        return data
    announced = parse_number(text, MAX_MESSAGE_BYTES, "Content-Length")
    if announced > len(data):
        raise HeaderError(f"Content-Length: {announced} announced, {len(data)} received")
    return data[:announced]


def read_answerable(data: bytes) -> Request | None:
    """What a response to a faulty request copies (RFC 3261 8.2.6), or None where no answer is due or possible.

    An ACK is never answered, a response neither; without a Via it is not known to whom.
    """
    head = data[:MAX_MESSAGE_BYTES].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    lines = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    method, _, rest = lines[0].partition(" ")
    uri = rest.strip(SPACE).partition(" ")[0]
    if method == "ACK" or not is_token(method) or not uri or _LINE_BREAK.search(uri):
        return None
    headers = Headers(_read_copied_headers(lines[1 : MAX_HEADERS + 1]))
    vias = headers.get_all("Via")
    if not vias or not _is_via(vias[0]):
        return None
    # Lower Vias that nobody can read are left out: no proxy on the way back would find itself in them.
    headers.set("Via", ", ".join(via for via in vias if _is_via(via)))
    return Request(method, uri, headers)


def _read_copied_headers(lines: list[str]) -> list[tuple[str, str]]:
    """Every Via, and the first line of each other header that a response copies."""
    items: list[tuple[str, str]] = []
    seen: set[str] = set()
    for line in lines:
        name, _, value = line.partition(":")
        known = SPELLINGS.get(name.rstrip(SPACE).lower(), "")
        if known not in COPIED_HEADERS or known in seen or _LINE_BREAK.search(value):
            continue
        items.append((known, value.strip(SPACE)))
        if known != "Via":
            seen.add(known)
    return items


def _is_via(text: str) -> bool:
    try:
        Via.parse(text)
    except ParseError:
        return False
    return True
