"""What can be wrong with a SIP message, and the status that each fault maps to.

::

    SipError                        status, reason
    ├── ParseError                  400 Bad Request; .request is what may be answered
    │   ├── HeaderError             400: one header's value, or a header line
    │   ├── UriError                400: a URI that does not follow its scheme's grammar
    │   ├── VersionError            505: SIP, but not 2.0
    │   ├── MessageTooLargeError    513: more bytes or headers than we read
    │   └── FramingError            400: a stream whose next message cannot be found; close the connection
    ├── UnsupportedSchemeError      416: a URI that we cannot send to
    └── SerializeError              500: our own mistake, such as a line break in a header
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from b2bua.sip.message import Request


class SipError(Exception):
    """A fault with the SIP status it is answered with; ``str()`` tells the detail, for the log."""

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "Server Internal Error"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What the answer carries beside its status: Retry-After, Allow, a challenge."""
        return []


class ParseError(SipError):
    """Bytes that are no SIP message.

    ``request`` is set where enough could be read for an answer (RFC 3261 8.2.6): its method, URI, top Via
    and the raw headers that a response copies. Nothing else about it is sure. None: say nothing.
    """

    status = 400
    reason = "Bad Request"

    def __init__(self, detail: str, request: "Request | None" = None) -> None:
        super().__init__(detail)
        self.request = request


class HeaderError(ParseError):
    """A header's value, or a header line, that does not follow its grammar."""


class UriError(ParseError):
    """A URI that does not follow the grammar of its own scheme (RFC 3261 19.1, RFC 3966)."""


class VersionError(ParseError):
    """A start line of another version of SIP (RFC 3261 21.5.6)."""

    status = 505
    reason = "Version Not Supported"


class MessageTooLargeError(ParseError):
    """More bytes, or more headers, than one message may have here (RFC 3261 21.5.7)."""

    status = 513
    reason = "Message Too Large"


class FramingError(ParseError):
    """A stream in which the end of a message cannot be known (RFC 3261 18.3): the connection is lost.

    ``messages`` are those that were complete before the fault, and are still to be handled.
    """

    def __init__(self, detail: str, request: "Request | None", messages: list[bytes]) -> None:
        super().__init__(detail, request)
        self.messages = messages


class UnsupportedSchemeError(SipError):
    """A URI whose scheme names no SIP hop (RFC 3261 21.4.14)."""

    status = 416
    reason = "Unsupported URI Scheme"


class SerializeError(SipError):
    """A header value with a line break in it: written out, it would be another header. Or text that is no text."""
