"""A request inside an answered call that is under way from one leg to the other."""

from dataclasses import dataclass

from b2bua.call.call import Leg
from b2bua.sip.timers import Timer
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
    cseq: int = 0
    """The number under which ``answering``'s peer is asked."""
    cancelled: bool = False
    answered: bool = False
    """Whether a 2xx has come."""
    ack: bytes = b""
    """What acknowledged that 2xx, kept for its retransmissions."""
    patience: Timer | None = None
    """Runs while a re-INVITE may be answered: a peer that only says 100 must not block the call's offers for ever."""

    def stop_waiting(self) -> None:
        """Nobody waits for the answer any more."""
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None

    @property
    def method(self) -> str:
        """INVITE, UPDATE, INFO or MESSAGE."""
        return self.server.request.method

    @property
    def offers(self) -> bool:
        """Whether the exchange is an offer and an answer, of which a call has one at a time (RFC 3261 14.1)."""
        return self.method in ("INVITE", "UPDATE")
