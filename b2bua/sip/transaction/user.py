"""Whom the transaction layer tells."""

from typing import TYPE_CHECKING, Protocol

from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response

if TYPE_CHECKING:
    from b2bua.sip.transaction.client import ClientTransaction
    from b2bua.sip.transaction.server import ServerTransaction


class TransactionUser(Protocol):
    """The core above the layer. Each method may call the layer again at once."""

    def on_request(self, request: Request, transaction: "ServerTransaction", source: Hop) -> None:
        """A new request, neither ACK nor CANCEL. It must be answered by ``layer.respond`` some time."""

    def on_ack(self, request: Request, source: Hop) -> None:
        """An ACK to a 2xx, or to nothing that the layer knows. If it fits, call ``layer.acknowledged``."""

    def on_cancel(self, request: Request, invite: "ServerTransaction", cancel: "ServerTransaction") -> None:
        """``invite`` is to be given up (RFC 3261 9.2): answer ``cancel`` 200, and ``invite`` 487 if it has no final."""

    def on_response(self, response: Response, transaction: "ClientTransaction") -> None:
        """A provisional or final response; after a 2xx also its retransmissions and those of other forks."""

    def on_stray_response(self, response: Response, source: Hop) -> None:
        """A response to no transaction that is known."""

    def on_timeout(self, transaction: "ClientTransaction") -> None:
        """No answer within 64*T1 (timers B and F), or none after a CANCEL (RFC 3261 9.1)."""

    def on_transport_error(self, transaction: "ClientTransaction") -> None:
        """The request could not be sent (RFC 3261 17.1.4)."""

    def on_ack_timeout(self, transaction: "ServerTransaction") -> None:
        """Our 2xx was retransmitted for 64*T1 and nobody acknowledged it (RFC 3261 13.3.1.4)."""
