"""Via on the server side: where a request came from, and where its responses go (RFC 3261 18.2, RFC 3581)."""

from b2bua.sip.headers.via import Via
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request

DEFAULT_PORT = 5060


def mark_source(request: Request, via: Via, source: Hop) -> None:
    """Write ``received`` and ``rport`` into the top Via, as far as they are needed (RFC 3261 18.2.1, RFC 3581 4)."""
    params = via.params
    if source.host != via.host or "rport" in params or "received" in params:
        request.headers.set_first("Via", str(via.with_source(source.host, source.port)))


def response_hop(via: Via, source: Hop) -> Hop:
    """Where the responses to a request with this top Via go, when it came from ``source``.

    On a connection: back on it (RFC 3261 18.2.2). On UDP: to the source address, and to the source port if
    ``rport`` asked for that, else to the port of sent-by. ``maddr`` is not followed: it would let anybody aim
    our responses at a third party.
    """
    if source.is_reliable or "rport" in via.params:
        return source
    return source._replace(port=via.port or DEFAULT_PORT)


def fallback_hop(via: Via, hop: Hop) -> Hop:
    """Where a response goes whose connection is gone: a new one to sent-by's port (RFC 3261 18.2.2)."""
    return hop._replace(port=via.port or DEFAULT_PORT, flow=0)
