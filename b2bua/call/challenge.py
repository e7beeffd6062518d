"""A trunk wants to know who we are: the same request again, with the trunk's credentials (RFC 3261 22.2)."""

from b2bua.call.call import Leg
from b2bua.call.core import Core
from b2bua.sip.auth import answer_challenge
from b2bua.sip.errors import SipError
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ClientTransaction

_OF_THE_DIALOG = frozenset(("Max-Forwards", "Route", "From", "To", "Call-ID", "CSeq", "Contact", "Via"))
"""Headers that the dialog writes anew, or the transaction."""


def answered(core: Core, leg: Leg, response: Response, transaction: ClientTransaction) -> Request | None:
    """The request to send instead of the one that was challenged by ``response``.

    None when ``response`` is no challenge, we have no credentials, they were refused, or nobody understands what
    is asked for: then it is a failure like any other.
    """
    if response.status not in (401, 407):
        return None
    trunk = core.config.trunks.get(leg.trunk)
    refused = transaction.request
    if trunk is None or not trunk.username or "Authorization" in refused.headers:
        return None
    if "Proxy-Authorization" in refused.headers:
        return None
    again = leg.dialog.request(refused.method)
    try:
        credentials = answer_challenge(
            response, again.method, again.uri, trunk.username, trunk.password, cnonce=core.new_id(), nc=1
        )
    except SipError:
        return None
    for name, value in refused.headers:
        if name not in _OF_THE_DIALOG:
            again.headers.add(name, value)
    again.headers.set("Max-Forwards", refused.headers.get("Max-Forwards") or "70")
    again.headers.add(*credentials)
    again.body = refused.body
    if again.method == "INVITE":
        leg.credentials = credentials
    return again
