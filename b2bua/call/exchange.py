"""A request inside an answered call that is under way from one leg to the other."""

from dataclasses import dataclass

from b2bua.call.call import Leg
from b2bua.sip.transaction import ClientTransaction, ServerTransaction


@dataclass(slots=True, eq=False)
class Exchange:
    """What ``asking``'s peer asked for in ``server`` and ``answering``'s peer is asked in ``client``.

    ``late_offer`` marks a re-INVITE without SDP: the 2xx carries the offer and the ACK the answer.
    """

    asking: Leg
    answering: Leg
    server: ServerTransaction
    late_offer: bool = False
    client: ClientTransaction | None = None
    cancelled: bool = False
    answered_tag: str = ""

    @property
    def method(self) -> str:
        """INVITE, UPDATE, INFO or MESSAGE."""
        return self.server.request.method

    @property
    def offers(self) -> bool:
        """Whether the exchange is an offer and an answer, of which a call has one at a time (RFC 3261 14.1)."""
        return self.method in ("INVITE", "UPDATE")
