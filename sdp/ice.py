"""The ICE attributes of a media section (RFC 8839)."""

from typing import NamedTuple

from sdp.address import MAX_PORT, parse_number
from sdp.errors import SdpError

MAX_PRIORITY = 2**32 - 1
MAX_COMPONENT = 256

ICE_ATTRIBUTES = frozenset(
    {
        "candidate",
        "end-of-candidates",
        "ice-lite",
        "ice-mismatch",
        "ice-options",
        "ice-pacing",
        "ice-pwd",
        "ice-ufrag",
        "remote-candidates",
    }
)
"""Every attribute that ICE adds, at session and media level."""


class Candidate(NamedTuple):
    """One ``a=candidate`` (RFC 8839 5.1). ``host`` may be a ``.local`` name; ``extensions`` is the rest of the line."""

    foundation: str
    component: int
    transport: str
    priority: int
    host: str
    port: int
    kind: str
    extensions: str = ""

    @classmethod
    def parse(cls, value: str) -> "Candidate":
        """Read the attribute's value; raises SdpError."""
        match value.split(None, 8):
            case [foundation, component, transport, priority, host, port, "typ", kind, *extensions]:
                return cls(
                    foundation,
                    parse_number(component, MAX_COMPONENT),
                    transport.upper(),
                    parse_number(priority, MAX_PRIORITY),
                    host,
                    parse_number(port, MAX_PORT),
                    kind,
                    extensions[0] if extensions else "",
                )
        raise SdpError(f"not a candidate: {value[:80]!r}")


class Ice(NamedTuple):
    """The credentials and candidates of one side; ``is_lite`` tells an ICE-lite agent."""

    ufrag: str
    pwd: str
    candidates: list[Candidate]
    options: list[str]
    is_lite: bool
