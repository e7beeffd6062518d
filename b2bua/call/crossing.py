"""What crosses from one leg to the other: an explicit list, and nothing else (topology hiding).

A new leg's message is never a copy of the old leg's with things taken out. What is not named here stays on its
side: Via, Contact, Record-Route, Call-ID, tags, User-Agent, Server, and every header that we have not thought of.
Headers that hold an identity cross with our own host in the place of theirs.
"""

from b2bua.sip.errors import SipError
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.message import Request, Response
from b2bua.sip.uri import Uri

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, MESSAGE"
ACCEPT = "application/sdp"

_REQUEST_TEXT = frozenset(
    ("Subject", "Priority", "Privacy", "Accept-Language", "User-to-User", "Reason", "P-Early-Media")
)
_REQUEST_IDENTITIES = ("P-Asserted-Identity", "Diversion")
_RESPONSE_TEXT = frozenset(("Reason", "Retry-After", "P-Early-Media", "User-to-User", "Min-SE"))
_BODY = frozenset(("Content-Type", "Content-Disposition", "Content-Language", "Content-Encoding"))
_INFO_TEXT = frozenset(("Info-Package", "Recv-Info"))

_ANONYMOUS_HOST = "anonymous.invalid"


def request_headers(request: Request, authority: str, *, trusted: bool) -> list[tuple[str, str]]:
    """The headers of ``request`` that its new leg carries.

    ``authority`` (our ``host[:port]``) replaces the host in identities; they cross only when the sender is
    ``trusted``, which is to say a trunk: a phone may not assert who it is (RFC 3325 6).
    """
    headers = request.headers.select(_REQUEST_TEXT)
    if request.method == "INFO":
        headers += request.headers.select(_INFO_TEXT)
    if trusted:
        for name in _REQUEST_IDENTITIES:
            headers += [
                (name, hidden) for value in request.headers.get_all(name) if (hidden := _hide(value, authority))
            ]
    return headers


def response_headers(response: Response) -> list[tuple[str, str]]:
    """The headers of ``response`` that go back on the other leg."""
    return response.headers.select(_RESPONSE_TEXT)


def body_headers(message: Request | Response) -> list[tuple[str, str]]:
    """The headers that describe a body, for a body that crosses as it is."""
    return message.headers.select(_BODY) if message.body else []


def caller_identity(from_: NameAddress, authority: str, tag: str) -> str:
    """The From value of the new leg: who calls, at our address, with our tag (RFC 3323 for the anonymous)."""
    uri = _at(from_.uri, authority) or f"sip:{authority}"
    return str(NameAddress(from_.display, uri, {"tag": tag}))


def user_of(uri: str) -> str:
    """The user part or the telephone number in ``uri``, escapes kept; empty when it has neither."""
    return Uri.parse(uri).user


def _hide(value: str, authority: str) -> str | None:
    """An identity header's value at our address; None when it cannot be read, so that nothing leaks."""
    try:
        identity = NameAddress.parse(value)
        uri = _at(identity.uri, authority)
    except SipError:
        return None
    if uri is None:
        return None
    kept = {name: text for name, text in identity.params.items() if name in ("reason", "counter", "privacy", "screen")}
    return str(NameAddress(identity.display, uri, kept))


def _at(uri: str, authority: str) -> str | None:
    """``uri`` with our address for its host; a tel: URI has none and stays."""
    if uri[:4].lower() == "tel:":
        return uri
    parsed = Uri.parse(uri)
    if parsed.host == _ANONYMOUS_HOST:
        return uri
    return f"sip:{parsed.user}@{authority}" if parsed.user else None
