"""What the transports have seen, counted."""

from dataclasses import dataclass


@dataclass(slots=True)
class TransportStats:
    """Counters since the start, for metrics and tests."""

    received: int = 0
    """Messages handed up; keep-alives are not among them."""
    sent: int = 0
    keep_alives: int = 0
    send_errors: int = 0
    """Messages that were reported as not sent."""
    receive_errors: int = 0
    dropped: int = 0
    """Datagrams lost here because the socket's queue was full; SIP retransmits them."""
    connections_opened: int = 0
    connections_refused: int = 0
    """Connections beyond a limit."""
    connections_closed_idle: int = 0
    connections_closed_slow: int = 0
    """Connections that began a message and did not finish it, or did not read what we sent."""
    framing_errors: int = 0
