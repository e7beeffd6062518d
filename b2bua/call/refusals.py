"""Why a request is refused, beside what ``b2bua.call.admit`` finds wrong with a new INVITE."""

from b2bua.call import crossing
from b2bua.sip.errors import SipError


class MethodNotAllowed(SipError):
    """A method that is not served (RFC 3261 8.2.1)."""

    status = 405
    reason = "Method Not Allowed"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What is served."""
        return [("Allow", crossing.ALLOW)]


class NoSuchDialog(SipError):
    """A request for a dialog that is not here, not yet or no more (RFC 3261 12.2.2)."""

    status = 481
    reason = "Call/Transaction Does Not Exist"


class OutOfOrder(SipError):
    """A request that a later one has overtaken (RFC 3261 12.2.2)."""

    status = 500
    reason = "Server Internal Error"


class RequestPending(SipError):
    """Two offers have crossed (RFC 3261 14.2)."""

    status = 491
    reason = "Request Pending"


class TooEarly(SipError):
    """The same side asks again before its last offer is settled (RFC 3261 14.2, RFC 3311 5.2)."""

    status = 500
    reason = "Server Internal Error"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """When to try again (seconds)."""
        return [("Retry-After", "2")]
