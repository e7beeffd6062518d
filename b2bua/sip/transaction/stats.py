"""What the transaction layer has seen, counted."""

from dataclasses import dataclass


@dataclass(slots=True)
class TransactionStats:
    """Counters since the start, for metrics and tests."""

    requests: int = 0
    """New requests, ACK included."""
    responses: int = 0
    """Responses that met their transaction."""
    malformed_answered: int = 0
    malformed_dropped: int = 0
    retransmissions_received: int = 0
    retransmissions_sent: int = 0
    merged: int = 0
    """Requests that came over a second path (RFC 3261 8.2.2.2), answered 482."""
    overload_rejected: int = 0
    """Requests beyond ``max_live``, answered 503."""
    stray_responses: int = 0
    stray_cancels: int = 0
    timeouts: int = 0
    ack_timeouts: int = 0
    transport_errors: int = 0
