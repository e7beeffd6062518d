"""Requests inside an answered call: re-INVITE and UPDATE with their offers, INFO and MESSAGE as they are.

A call has one offer under way at a time. Who asks while his own offer is under way is told 500 and to try later;
who asks while the other side's offer is on its way to him is told 491 (RFC 3261 14.2, RFC 3311 5.2): the glare that
two parties behind one B2BUA see is the same that they would see without it.
"""

from collections.abc import Iterable

from b2bua.call import challenge, crossing, failures
from b2bua.call.call import Call, CallState, Leg
from b2bua.call.core import Core
from b2bua.call.exchange import Exchange
from b2bua.call.media import MediaControl, Receiver
from b2bua.call.refusals import NoSuchDialog, RequestPending, TooEarly
from b2bua.call.setup import SDP
from b2bua.call.teardown import Teardown
from b2bua.sip.errors import SipError
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ClientTransaction, ServerTransaction

BRIDGED = ("INVITE", "UPDATE", "INFO", "MESSAGE")


class MidCall:
    """Carries requests from one leg of an answered call to the other."""

    def __init__(self, core: Core, media: MediaControl, teardown: Teardown) -> None:
        self._core = core
        self._media = media
        self._teardown = teardown

    def on_request(self, leg: Leg, request: Request, transaction: ServerTransaction) -> None:
        """One of ``BRIDGED`` from the peer of ``leg``; raises SipError where it has to be refused."""
        call = leg.call
        if call.state is CallState.ENDING:
            raise NoSuchDialog("the call is ending")
        if request.method == "UPDATE" and not request.body:
            # A mere sign of life (RFC 4028) or a new Contact: nothing in it concerns the other side.
            leg.dialog.refresh_target(request, self._core.listeners.transports)
            self._accept(leg, transaction, 200, "OK", b"")
            return
        other = self._ready_other(leg)
        exchange = Exchange(leg, other, transaction, late_offer=request.method == "INVITE" and not request.body)
        if exchange.offers:
            self._begin_offer(call, exchange, request)
        else:
            self._forward(exchange, crossing.body_headers(request), request.body)

    def _ready_other(self, leg: Leg) -> Leg:
        """The other leg of an answered call; raises SipError where the offer of the INVITE is not settled yet."""
        call = leg.call
        if call.state is CallState.ANSWERED and call.b is not None:
            if leg is call.a:
                return call.b
            if leg is call.b:
                return call.a
        raise TooEarly("the call is not answered yet") if leg is call.a else RequestPending("nor has A said anything")

    def _begin_offer(self, call: Call, exchange: Exchange, request: Request) -> None:
        leg, other = exchange.asking, exchange.answering
        if call.exchange is not None:
            if call.exchange.asking is leg:
                raise TooEarly("the last offer is not answered yet")
            raise RequestPending("an offer from the other side is under way")
        if leg.invite is not None:
            raise TooEarly("the last INVITE is not acknowledged yet")
        if other.invite is not None:
            raise RequestPending("the other side's INVITE is not acknowledged yet")
        leg.dialog.refresh_target(request, self._core.listeners.transports)
        call.exchange = exchange
        if exchange.method == "INVITE":
            leg.invite = exchange.server
            self._core.respond(exchange.server, 100, leg=leg)
        if exchange.late_offer:
            self._forward(exchange, [], b"")
        else:
            self._media.offer(leg, Receiver.at(other), request.body, lambda outcome: self._offered(exchange, outcome))

    def _offered(self, exchange: Exchange, outcome: bytes | SipError) -> None:
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
        exchange.cseq = leg.dialog.local_cseq
        if exchange.method == "INVITE":
            exchange.patience = core.wheel.start(core.config.timers.ring, lambda: self.on_cancel(exchange))
        exchange.client = core.send_request(leg, request, exchange)

    # Back from the other side

    def on_response(self, exchange: Exchange, response: Response, transaction: ClientTransaction) -> None:
        """A response to what was forwarded."""
        status = response.status
        if status < 200:
            return
        exchange.stop_waiting()
        if status < 300:
            self._on_success(exchange, response)
        elif exchange.server.is_answered:
            return
        elif not exchange.cancelled and (
            again := challenge.answered(self._core, exchange.answering, response, transaction)
        ):
            exchange.cseq = exchange.answering.dialog.local_cseq
            exchange.client = self._core.send_request(exchange.answering, again, exchange)
        else:
            self._on_failure(exchange, response)

    def on_lost(self, exchange: Exchange) -> None:
        """The other side does not answer: its dialog is dead (RFC 3261 12.2.1.2)."""
        exchange.stop_waiting()
        if exchange.server.is_answered:
            return
        self._close(exchange, *failures.NOT_REACHED)
        self._teardown.begin(exchange.asking.call, "pinhole", *failures.NOT_REACHED)

    def _on_success(self, exchange: Exchange, response: Response) -> None:
        if exchange.answered or exchange.server.is_answered:
            # A 2xx that came again, or after the call has ended: it must be acknowledged all the same.
            self._acknowledge_again(exchange)
            return
        exchange.answered = True
        if not exchange.offers:
            headers = crossing.body_headers(response)
            self._close(exchange, response.status, response.reason, headers, response.body)
            return
        leg = exchange.answering
        leg.dialog.refresh_target(response, self._core.listeners.transports)
        if exchange.late_offer:
            receiver = Receiver.at(exchange.asking)
            self._media.offer(
                leg, receiver, response.body, lambda outcome: self._described(exchange, response, outcome)
            )
            return
        if exchange.method == "INVITE":
            exchange.ack = self._core.send_ack(leg, exchange.cseq)
        self._media.answer(
            leg, exchange.asking.id, response.body, lambda outcome: self._described(exchange, response, outcome)
        )

    def _acknowledge_again(self, exchange: Exchange) -> None:
        if exchange.method != "INVITE":
            return
        if not exchange.answered:
            exchange.answered = True
            exchange.ack = self._core.send_ack(exchange.answering, exchange.cseq)
        else:
            self._core.repeat_ack(exchange.answering, exchange.ack)

    def _described(self, exchange: Exchange, response: Response, outcome: bytes | SipError) -> None:
        call = exchange.asking.call
        if isinstance(outcome, SipError):
            if exchange.late_offer:
                exchange.ack = self._core.send_ack(exchange.answering, exchange.cseq)
            self._close(exchange, *failures.of_answer(outcome))
            return
        self._accept(exchange.asking, exchange.server, response.status, response.reason, outcome)
        if not exchange.late_offer:
            call.exchange = None
        self._core.shell.call_changed(call)

    def _on_failure(self, exchange: Exchange, response: Response) -> None:
        failure = failures.for_caller(response)
        self._close(exchange, *failure)
        # After these there is no dialog any more (RFC 3261 12.2.1.2); where it is only silent, it is left with BYE.
        if response.status == 481:
            self._teardown.leg_done(exchange.answering)
        if response.status in (408, 481):
            self._teardown.begin(exchange.asking.call, "pinhole", *failure)

    def on_ack(self, exchange: Exchange, request: Request) -> None:
        """The ACK to the 2xx of a re-INVITE that is not over yet: one with a late offer, whose answer it carries."""
        leg, answering = exchange.asking, exchange.answering
        if not request.body:
            self._finish_late_offer(exchange, b"")
            return
        self._media.answer(leg, answering.id, request.body, lambda outcome: self._finish_late_offer(exchange, outcome))

    def _finish_late_offer(self, exchange: Exchange, outcome: bytes | SipError) -> None:
        call = exchange.asking.call
        call.exchange = None
        body = outcome if isinstance(outcome, bytes) else b""
        exchange.ack = self._core.send_ack(exchange.answering, exchange.cseq, [SDP] if body else [], body)
        self._core.shell.call_changed(call)

    def on_cancel(self, exchange: Exchange) -> None:
        """A re-INVITE is called off: the other side decides whether it is still in time (RFC 3261 9.2)."""
        exchange.cancelled = True
        if exchange.client is not None:
            self._core.note(exchange.answering, "out", "CANCEL", exchange.answering.dialog.hop)
            self._core.transactions.cancel(exchange.client)

    # Answering who asked

    def _accept(self, leg: Leg, transaction: ServerTransaction, status: int, reason: str, body: bytes) -> None:
        headers = [("Contact", leg.dialog.contact), ("Allow", crossing.ALLOW)]
        if body:
            headers.append(SDP)
        self._core.respond(transaction, status, reason, leg=leg, headers=headers, body=body)

    def _refuse(self, exchange: Exchange, error: SipError) -> None:
        self._close(exchange, *failures.of(error))

    def _close(
        self,
        exchange: Exchange,
        status: int,
        reason: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """Answer who asked, and make room for the next offer."""
        leg = exchange.asking
        if leg.call.exchange is exchange:
            leg.call.exchange = None
        if leg.invite is exchange.server:
            leg.invite = None
        self._core.respond(exchange.server, status, reason, leg=leg, headers=headers, body=body)
