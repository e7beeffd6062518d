"""Header names: canonical spelling, compact forms, and which headers carry lists (RFC 3261 7.3, 20)."""

from functools import lru_cache

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import MAX_CACHED_CHARS, SPACE, is_token


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMPACT_FORMS = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""The IANA registry of compact forms."""

LIST_HEADERS = _words(
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info Contact "
    "Content-Encoding Content-Language Diversion Error-Info Feature-Caps Geolocation History-Info "
    "In-Reply-To P-Asserted-Identity P-Associated-URI P-Preferred-Identity Path Permission-Missing "
    "Privacy Proxy-Require Reason Record-Route Recv-Info Reject-Contact Require Request-Disposition Route "
    "Security-Client Security-Server Security-Verify Service-Route Supported Trigger-Consent "
    "Unsupported Via Warning"
)
"""Headers whose one line may carry several values (RFC 3261 7.3.1)."""

SINGLE_HEADERS = _words(
    "CSeq Call-ID Content-Length Content-Type Event Expires From Max-Forwards Min-Expires Min-SE RAck RSeq "
    "Refer-To Referred-By Replaces Session-Expires To"
)
"""Headers that steer a call and come at most once: with two of them two readers may differ on what is said."""

_OTHERS = _words(
    "Authentication-Info Authorization Content-Disposition Content-ID Date Identity MIME-Version Organization "
    "P-Access-Network-Info P-Charging-Vector Priority Proxy-Authenticate Proxy-Authorization Remote-Party-ID "
    "Reply-To Retry-After Server Session-ID SIP-ETag SIP-If-Match Subject Subscription-State Target-Dialog "
    "Timestamp User-Agent User-to-User WWW-Authenticate"
)


def _spellings() -> dict[str, str]:
    """Every usual spelling of every known name, so that one dict look-up settles nearly all headers."""
    spellings: dict[str, str] = {}
    for name in (*LIST_HEADERS, *SINGLE_HEADERS, *COMPACT_FORMS.values(), *_OTHERS):
        for spelling in (name, name.lower(), name.upper(), name.title(), name.capitalize()):
            spellings[spelling] = name
    for letter, name in COMPACT_FORMS.items():
        spellings[letter] = spellings[letter.upper()] = name
    return spellings


SPELLINGS = _spellings()


def canonical_name(text: str) -> str:
    """The canonical name for the text before a header's colon; an unknown name stays as it is spelt.

    Raises HeaderError where the text is no token (RFC 3261 7.3.1).
    """
    return _read_once(text) if len(text) <= MAX_CACHED_CHARS else _read(text)


def _read(text: str) -> str:
    name = text.rstrip(SPACE)
    if not is_token(name):
        raise HeaderError(f"{text[:80]!r} is no header name")
    return SPELLINGS.get(name) or SPELLINGS.get(name.lower()) or name


_read_once = lru_cache(maxsize=1024)(_read)
