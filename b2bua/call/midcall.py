"""Requests inside an answered call: re-INVITE and UPDATE with their offers, INFO and MESSAGE as they are.

A call has one offer under way at a time. Who asks while his own offer is under way is told 500 and to try later;
who asks while the other side's offer is on its way to him is told 491 (RFC 3261 14.2, RFC 3311 5.2): the glare that
two parties behind one B2BUA see is the same that they would see without it.
"""

from b2bua.call import crossing, failures
from b2bua.call.call import Call, CallState, Leg
from b2bua.call.core import Core
from b2bua.call.exchange import Exchange
from b2bua.call.media import MediaControl
from b2bua.call.setup import SDP
from b2bua.call.teardown import Teardown
from b2bua.sip.errors import SipError
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ServerTransaction

BRIDGED = ("INVITE", "UPDATE", "INFO", "MESSAGE")

_ENDS_DIALOG = (408, 481)
"""Responses after which the dialog they come from is no more (RFC 5057 5.1)."""


class RequestPending(SipError):
    """Two offers have crossed (RFC 3261 14.2)."""

    status = 491
    reason = "Request Pending"


class OfferUnderWay(SipError):
    """The same side asks again before its last offer was answered (RFC 3261 14.2)."""

    status = 500
    reason = "Server Internal Error"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """When to try again (seconds)."""
        return [("Retry-After", "2")]


class MidCall:
    """Carries requests from one leg of an answered call to the other."""

    def __init__(self, core: Core, media: MediaControl, teardown: Teardown) -> None:
        self._core = core
        self._media = media
        self._teardown = teardown

    def on_request(self, leg: Leg, request: Request, transaction: ServerTransaction) -> None:
        """One of ``BRIDGED`` from the peer of ``leg``; raises SipError where it has to be refused."""
        call = leg.call
        other = call.other(leg)
        if call.state is not CallState.ANSWERED or other is None:
            raise RequestPending("the call is not answered yet")
        exchange = Exchange(leg, other, transaction, late_offer=request.method == "INVITE" and not request.body)
        if exchange.offers:
            self._begin_offer(call, exchange, request)
        else:
            self._forward(exchange, crossing.body_headers(request), request.body)

    def _begin_offer(self, call: Call, exchange: Exchange, request: Request) -> None:
        if call.exchange is not None:
            if call.exchange.asking is exchange.asking:
                raise OfferUnderWay("the last offer is not answered yet")
            raise RequestPending("an offer from the other side is under way")
        leg = exchange.asking
        leg.dialog.refresh_target(request)
        if exchange.method == "UPDATE" and not request.body:
            # A mere sign of life (RFC 4028) or a new Contact: nothing in it concerns the other side.
            self._answer(exchange, 200, "OK", b"")
            return
        call.exchange = exchange
        if exchange.method == "INVITE":
            leg.invite = exchange.server
            self._core.respond(exchange.server, 100, leg=leg)
        if exchange.late_offer:
            self._forward(exchange, [], b"")
        else:
            self._media.offer(
                leg, exchange.answering.id, request.body, (), lambda outcome: self._offered(exchange, outcome)
            )

    def _offered(self, exchange: Exchange, outcome: bytes | SipError) -> None:
        if not self._is_current(exchange):
            return
        if isinstance(outcome, SipError):
            self._refuse(exchange, outcome)
        elif exchange.cancelled:
            self._close(exchange, *failures.CANCELLED)
        else:
            self._forward(exchange, [SDP], outcome)

    def _forward(self, exchange: Exchange, headers: list[tuple[str, str]], body: bytes) -> None:
        core = self._core
        leg = exchange.answering
        asked = exchange.server.request
        request = leg.dialog.request(exchange.method)
        authority = core.listeners.authority(core.listeners.bound(leg.dialog.hop))
        for name, value in crossing.request_headers(asked, authority, trusted=False):
            request.headers.add(name, value)
        if exchange.offers:
            request.headers.add("Allow", crossing.ALLOW)
        for name, value in headers:
            request.headers.add(name, value)
        request.body = body
        if exchange.method == "INVITE":
            leg.invite_cseq = leg.dialog.local_cseq
            leg.ack = b""
        exchange.client = core.send_request(leg, request, exchange)

    # Back from the other side

    def on_response(self, exchange: Exchange, response: Response) -> None:
        """A response to what was forwarded."""
        status = response.status
        if status < 200:
            return
        if status < 300:
            self._on_success(exchange, response)
        elif self._is_open(exchange):
            self._on_failure(exchange, response)

    def on_lost(self, exchange: Exchange) -> None:
        """The other side does not answer: its dialog is dead (RFC 3261 12.2.1.2)."""
        if not self._is_open(exchange):
            return
        self._close(exchange, *failures.NOT_REACHED)
        self._teardown.begin(exchange.asking.call, "pinhole", *failures.NOT_REACHED)

    def _on_success(self, exchange: Exchange, response: Response) -> None:
        leg = exchange.answering
        if exchange.answered_tag or not self._is_open(exchange):
            # A 2xx that came again, or after the call has ended: it must be acknowledged all the same.
            self._acknowledge_again(exchange)
            return
        exchange.answered_tag = response.to.tag
        if not exchange.offers:
            self._close(exchange, response.status, response.reason, crossing.body_headers(response), response.body)
            return
        leg.dialog.refresh_target(response)
        if exchange.late_offer:
            self._media.offer(
                leg, exchange.asking.id, response.body, (), lambda outcome: self._described(exchange, response, outcome)
            )
            return
        if exchange.method == "INVITE":
            self._core.send_ack(leg)
        self._media.answer(
            leg, exchange.asking.id, response.body, lambda outcome: self._described(exchange, response, outcome)
        )

    def _acknowledge_again(self, exchange: Exchange) -> None:
        if exchange.method != "INVITE":
            return
        if not exchange.answering.ack and not exchange.late_offer:
            self._core.send_ack(exchange.answering)
        else:
            self._core.repeat_ack(exchange.answering)

    def _described(self, exchange: Exchange, response: Response, outcome: bytes | SipError) -> None:
        if not self._is_current(exchange):
            return
        if isinstance(outcome, SipError):
            self._refuse(exchange, outcome)
            return
        self._answer(exchange, response.status, response.reason, outcome)
        if not exchange.late_offer:
            exchange.asking.call.exchange = None
        self._core.shell.call_changed(exchange.asking.call)

    def _on_failure(self, exchange: Exchange, response: Response) -> None:
        failure = failures.for_caller(response.status, response.reason)
        self._close(exchange, *failure, headers=crossing.response_headers(response))
        if response.status in _ENDS_DIALOG:
            self._teardown.leg_done(exchange.answering)
            self._teardown.begin(exchange.asking.call, "pinhole", *failure)

    def on_ack(self, leg: Leg, request: Request) -> None:
        """The ACK to a re-INVITE's 2xx; with a late offer it carries the answer."""
        exchange = leg.call.exchange
        if exchange is None or exchange.asking is not leg or not exchange.late_offer or exchange.answering.ack:
            return
        if not request.body:
            self._finish_late_offer(exchange, b"")
            return
        answering = exchange.answering
        self._media.answer(leg, answering.id, request.body, lambda outcome: self._finish_late_offer(exchange, outcome))

    def _finish_late_offer(self, exchange: Exchange, outcome: bytes | SipError) -> None:
        exchange.asking.call.exchange = None
        if isinstance(outcome, bytes) and outcome:
            self._core.send_ack(exchange.answering, [SDP], outcome)
        else:
            self._core.send_ack(exchange.answering)

    def on_cancel(self, exchange: Exchange) -> None:
        """A re-INVITE is called off: the other side decides whether it is still in time (RFC 3261 9.2)."""
        exchange.cancelled = True
        if exchange.client is not None:
            self._core.note(exchange.answering, "out", "CANCEL", exchange.answering.dialog.hop)
            self._core.transactions.cancel(exchange.client)

    # Answering who asked

    def _answer(self, exchange: Exchange, status: int, reason: str, body: bytes) -> None:
        headers = [("Contact", exchange.asking.dialog.contact), ("Allow", crossing.ALLOW)]
        if body:
            headers.append(SDP)
        self._core.respond(exchange.server, status, reason, leg=exchange.asking, headers=headers, body=body)

    def _refuse(self, exchange: Exchange, error: SipError) -> None:
        self._close(exchange, error.status, error.reason, error.headers)

    def _close(
        self,
        exchange: Exchange,
        status: int,
        reason: str,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> None:
        call = exchange.asking.call
        if call.exchange is exchange:
            call.exchange = None
        self._core.respond(exchange.server, status, reason, leg=exchange.asking, headers=headers or [], body=body)

    def _is_open(self, exchange: Exchange) -> bool:
        return not exchange.server.is_answered and exchange.asking.call.state is CallState.ANSWERED

    def _is_current(self, exchange: Exchange) -> bool:
        return exchange.asking.call.exchange is exchange
