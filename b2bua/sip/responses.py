"""Responses to a request (RFC 3261 8.2.6) and the reason phrases of RFC 3261 21."""

from collections.abc import Iterable

from b2bua.sip.errors import ParseError
from b2bua.sip.headers.collection import Headers
from b2bua.sip.message import Request, Response

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
}

_CLASSES = {1: "Session Progress", 2: "OK", 3: "Multiple Choices", 4: "Bad Request", 5: "Server Internal Error"}
_COPIED = frozenset(("Via", "From", "Call-ID", "CSeq"))
_COPIED_BY_DIALOG = _COPIED | {"Record-Route"}


def reason_of(status: int) -> str:
    """The usual phrase of a status; an unknown one gets the phrase of its class (RFC 3261 8.1.3.2)."""
    return REASONS.get(status) or _CLASSES.get(status // 100, "Decline")


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """A response to ``request`` with its Via, From, To, Call-ID and CSeq, then ``headers`` (canonical names).

    ``to_tag`` goes behind a To that has no tag, except in a 100 (RFC 3261 8.2.6.2). Record-Route is copied
    where the response may begin a dialog (12.1.1), Timestamp into a 100 (8.2.6.1). The transport has
    written ``received`` and ``rport`` into the top Via before.
    """
    tagged = _has_tag(request)
    copied = _COPIED_BY_DIALOG if 100 < status < 300 and not tagged else _COPIED
    suffix = f";tag={to_tag}" if to_tag and status > 100 and not tagged else ""
    lines: list[tuple[str, str]] = []
    for item in request.headers:
        name, value = item
        if name in copied or (name == "Timestamp" and status == 100):
            lines.append(item)
        elif name == "To":
            lines.append((name, value + suffix))
    lines.extend(headers)
    return Response(status, reason_of(status) if reason is None else reason, Headers(lines), body)


def _has_tag(request: Request) -> bool:
    """Whether To has a tag; a To that cannot be read is left as it is, and an answer to it is a 400 anyway."""
    try:
        return bool(request.to.tag)
    except ParseError:
        return True
