"""Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3, 8.2.2.2).

A key is a tuple; two messages belong together when their keys are equal.
"""

from b2bua.sip.headers.via import Via
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction.table import Key


def server_key(request: Request, via: Via) -> Key:
    """The key of the server transaction that ``request`` opens or belongs to; an ACK has that of its INVITE.

    ``via`` is the top one as it came in.
    """
    method = request.method
    return _server_key(request, via, "INVITE" if method == "ACK" else method)


def cancelled_key(cancel: Request, via: Via) -> Key:
    """The key of the INVITE transaction that a CANCEL means (RFC 3261 9.2)."""
    return _server_key(cancel, via, "INVITE")


def answered_key(response: Response) -> Key:
    """The key of the server transaction that our own ``response`` came from, unless its client follows RFC 2543."""
    return _branch_key(response.top_via, response.cseq.method)


def client_key(branch: str, method: str) -> Key:
    """The key of a client transaction: our Via's branch, and the method, for a CANCEL shares its INVITE's branch."""
    return (branch, method)


def merge_key(request: Request) -> Key:
    """Equal for two copies of one request that came over two paths (RFC 3261 8.2.2.2)."""
    cseq = request.cseq
    return (request.call_id, request.from_.tag, cseq.number, cseq.method)


def _server_key(request: Request, via: Via, method: str) -> Key:
    if via.is_unique_branch:
        return _branch_key(via, method)
    # RFC 2543 has no unique branch. The To tag is left out, so that an ACK finds its INVITE: within one
    # Call-ID, From tag and CSeq number it cannot tell two requests apart.
    return (request.uri, request.from_.tag, request.call_id, request.cseq.number, str(via), method)


def _branch_key(via: Via, method: str) -> Key:
    return (via.branch, via.host.lower(), via.port, method)
