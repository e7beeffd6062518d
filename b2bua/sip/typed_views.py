"""What requests and responses share: typed views of their headers, and the way out (RFC 3261 7)."""

from collections.abc import Callable

from b2bua.sip.errors import HeaderError, SerializeError
from b2bua.sip.grammar import parse_number
from b2bua.sip.headers.collection import Headers
from b2bua.sip.headers.content_type import ContentType
from b2bua.sip.headers.cseq import CSeq
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.headers.via import Via

MAX_FORWARDS_LIMIT = 255
MAX_DELTA_SECONDS = 2**32 - 1


class Message:
    """A message without its start line.

    The typed views are read from ``headers`` when first asked for and follow every edit of it. A missing or malformed
    header raises HeaderError then; what ``parse`` has checked already (see its docstring) does not.
    """

    __slots__ = ("body", "headers")

    headers: Headers
    body: bytes

    @property
    def call_id(self) -> str:
        """Call-ID (RFC 3261 20.8)."""
        return self.headers.required("Call-ID", str)

    @property
    def cseq(self) -> CSeq:
        """CSeq (RFC 3261 20.16)."""
        return self.headers.required("CSeq", CSeq.parse)

    @property
    def from_(self) -> NameAddress:
        """From (RFC 3261 20.20)."""
        return self.headers.required("From", NameAddress.parse)

    @property
    def to(self) -> NameAddress:
        """To (RFC 3261 20.39)."""
        return self.headers.required("To", NameAddress.parse)

    @property
    def top_via(self) -> Via:
        """The first Via: for a request who sent it, for a response who asked (RFC 3261 20.42)."""
        vias = self.vias
        if not vias:
            raise HeaderError("Via is missing")
        return vias[0]

    @property
    def vias(self) -> list[Via]:
        """Every Via, topmost first."""
        return self.headers.typed_all("Via", Via.parse)

    @property
    def contacts(self) -> list[NameAddress]:
        """Every Contact; ``*`` is the URI ``*`` (RFC 3261 20.10)."""
        return self.headers.typed_all("Contact", NameAddress.parse)

    @property
    def contact(self) -> NameAddress | None:
        """The first Contact."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def record_routes(self) -> list[str]:
        """Every Record-Route value as written, first one first (RFC 3261 20.30)."""
        return self.headers.get_all("Record-Route")

    @property
    def routes(self) -> list[str]:
        """Every Route value as written, first one first (RFC 3261 20.34)."""
        return self.headers.get_all("Route")

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, up to 255; RFC 2543 does not have it (RFC 3261 20.22)."""
        return self.headers.typed("Max-Forwards", _parse_max_forwards)

    @property
    def expires(self) -> int | None:
        """Expires in seconds; what is too large or no number is the largest (RFC 3261 20.19)."""
        return self.headers.typed("Expires", _parse_expires)

    @property
    def content_type(self) -> ContentType | None:
        """Content-Type (RFC 3261 20.15)."""
        return self.headers.typed("Content-Type", ContentType.parse)

    @property
    def require(self) -> list[str]:
        """Option tags that the other side must understand, lower case (RFC 3261 20.32)."""
        return [tag.lower() for tag in self.headers.get_all("Require")]

    @property
    def supported(self) -> list[str]:
        """Option tags that the sender understands, lower case (RFC 3261 20.37)."""
        return [tag.lower() for tag in self.headers.get_all("Supported")]

    def check_identity(self) -> None:
        """Read what matches a message to its transaction, and what our next request repeats; raises HeaderError.

        Via, From, To, Call-ID and CSeq are mandatory (RFC 3261 8.1.1). An ACK repeats To, a dialog To and routes.
        """
        headers = self.headers
        for name in _MANDATORY:
            if not headers.get(name):
                raise HeaderError(f"{name} is missing")
        _ = self.vias, self.to, self.cseq
        for name in ("Record-Route", "Route"):
            for value in headers.get_all(name):
                NameAddress.parse(value)

    def check_views(self) -> None:
        """Read every other view, so that none raises later; raises HeaderError."""
        self.headers.read(_PARSERS)
        _ = self.contacts

    def serialize(self, start_line: str) -> bytes:
        """The message for the wire, Content-Length set right. Raises SerializeError."""
        lines = [start_line]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        # A line break inside a value would smuggle in a header or a whole message. Two searches in C find it.
        content = "".join(lines)
        if "\n" in content or "\r" in content:
            raise SerializeError(f"a line break inside a header of {start_line[:80]!r}")
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        text = "\r\n".join(lines)
        try:
            return text.encode("utf-8", "surrogateescape") + self.body
        except UnicodeEncodeError as fault:
            raise SerializeError(f"half a character in a header of {start_line[:80]!r}") from fault


def _parse_max_forwards(text: str) -> int:
    return parse_number(text, MAX_FORWARDS_LIMIT, "Max-Forwards")


def _parse_expires(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return MAX_DELTA_SECONDS
    return min(int(text), MAX_DELTA_SECONDS)


_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")

_PARSERS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("From", NameAddress.parse),
    ("Max-Forwards", _parse_max_forwards),
    ("Content-Type", ContentType.parse),
)
"""The parsers of the views of one line, as the properties of Message use them."""
