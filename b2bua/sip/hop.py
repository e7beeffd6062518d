"""Where a SIP message came from, or goes to: one transport address."""

from typing import NamedTuple


class Hop(NamedTuple):
    """One end of a SIP transport (RFC 3261 18).

    ``host`` is an IP literal without brackets, or a name that the transport resolves before it sends.
    ``flow`` numbers the TCP connection that a message came in on, so that the answer goes back on it
    (RFC 3261 18.2.2); 0 means none, any connection to ``host:port`` will do.
    ``listener`` names the local listener, so that an answer leaves by the address it was asked at.
    """

    transport: str
    host: str
    port: int
    flow: int = 0
    listener: str = ""

    @property
    def is_reliable(self) -> bool:
        """True where the transport retransmits by itself, so that SIP must not (RFC 3261 17)."""
        return self.transport != "UDP"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.lower()}:{host}:{self.port}"
