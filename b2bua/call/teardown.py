"""How calls end: BYE from either side, CANCEL, failures, crossings of all of them.

A call is ENDING from the moment somebody wants it to end until both sides know: every leg has then sent or seen
its last response. Only then are its keys removed and its record written.
"""

from collections.abc import Iterable

from b2bua.call import challenge, failures
from b2bua.call.call import Call, CallState, Leg, LegState
from b2bua.call.core import Core
from b2bua.call.media import MediaControl
from b2bua.call.refusals import NoSuchDialog
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ClientTransaction, ServerTransaction

OK = 200

MAX_FORKS = 16
"""How many answers of other forks to one INVITE are acknowledged; a flood of them is left to time out."""


class Teardown:
    """Ends calls."""

    def __init__(self, core: Core, media: MediaControl) -> None:
        self._core = core
        self._media = media

    def begin(
        self,
        call: Call,
        by: str,
        status: int,
        reason: str,
        headers: Iterable[tuple[str, str]] = (),
        farewell: Iterable[tuple[str, str]] = (),
    ) -> None:
        """End the call: ``by`` is ``a``, ``b`` or ``pinhole``; an unanswered A gets ``status`` and ``headers``.

        ``farewell`` are the headers of the BYEs. Harmless when the call is ending already.
        """
        if call.state is CallState.ENDING:
            return
        call.state = CallState.ENDING
        call.ended = self._core.now
        call.ended_by, call.status, call.reason = by, status, reason
        self._core.shell.call_changed(call)
        call.stop_ringing_timer()
        self._media.delete(call)
        self._core.admission.release(call.source)
        self._abandon_exchange(call)
        self._refuse_invite(call, headers)
        for leg in call.legs():
            self.dismiss(leg, farewell)
        self._finish_if_done(call)

    def dismiss(self, leg: Leg, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Let one leg go, by whatever its state asks for (RFC 3261 9.1, 15.1.1)."""
        leg.stop_waiting()
        if leg.state is LegState.CONFIRMED and leg.awaits_first_ack:
            leg.state = LegState.UNACKNOWLEDGED
            leg.farewell = tuple(headers)
        elif leg.state is LegState.CONFIRMED:
            self._say_bye(leg, headers)
        elif leg.state is LegState.CALLING and isinstance(leg.invite, ClientTransaction):
            leg.state = LegState.CANCELLING
            self._core.note(leg, "out", "CANCEL", leg.dialog.hop)
            self._core.transactions.cancel(leg.invite, list(headers))
        elif leg.state is LegState.CALLING:
            self.leg_done(leg)

    def refuse_answer(self, leg: Leg, response: Response) -> None:
        """A 2xx that nobody wants any more, or from a second fork: ACK and BYE (RFC 3261 13.2.2.4)."""
        if leg.state is LegState.CANCELLING:
            leg.dialog.establish(response, self._core.listeners.transports)
            self._say_bye(leg, ())
        elif leg.ack and response.to.tag == leg.dialog.remote_tag:
            self._core.repeat_ack(leg, leg.ack)
        else:
            self._refuse_fork(leg, response)

    def leg_done(self, leg: Leg) -> None:
        """The leg's last message has been exchanged."""
        if leg.state is LegState.DONE:
            return
        leg.state = LegState.DONE
        call = leg.call
        self._core.legs.pop(leg.id, None)
        leg.stop_waiting()
        self._expect_no_ack(leg)
        if leg is not call.a:
            self._core.admission.release_out(leg.trunk)
            call.attempts.remove(leg)
        self._finish_if_done(call)

    def on_bye(self, leg: Leg, request: Request, transaction: ServerTransaction) -> None:
        """The peer of ``leg`` hangs up (RFC 3261 15.1.2); raises NoSuchDialog where B has not answered yet."""
        call = leg.call
        if leg is not call.a and leg.state in (LegState.CALLING, LegState.CANCELLING):
            raise NoSuchDialog("BYE before the answer")
        self._core.respond(transaction, OK, leg=leg)
        if leg.state is LegState.LEAVING:
            # Both hung up at once: our own BYE will be answered too.
            return
        outcome = failures.Failure(OK, "Normal Clearing")
        if call.state is not CallState.ANSWERED:
            # A may leave a dialog that is still early; B has answered, but A has not been told yet.
            outcome = failures.CANCELLED if leg is call.a else failures.NOBODY_THERE
        self.leg_done(leg)
        self.begin(call, leg.name[0], *outcome, farewell=_farewell(request))

    def on_cancel(self, call: Call, request: Request) -> None:
        """A gives up before the answer (RFC 3261 9.2)."""
        self.begin(call, "a", *failures.CANCELLED, farewell=_farewell(request))

    def on_ack(self, leg: Leg) -> None:
        """The peer has acknowledged our 2xx: if that is what the BYE waited for, say it."""
        if leg.state is LegState.UNACKNOWLEDGED:
            self._say_bye(leg, leg.farewell)

    def on_ack_missing(self, leg: Leg) -> None:
        """Our 2xx was never acknowledged: the dialog is there, so it is left with BYE (RFC 3261 13.3.1.4)."""
        leg.invite = None
        self.on_ack(leg)
        self.begin(leg.call, "pinhole", 408, "ACK Timeout")

    def on_response(self, leg: Leg, response: Response, transaction: ClientTransaction) -> None:
        """The answer to our BYE."""
        if response.status < 200:
            return
        again = challenge.answered(self._core, leg, response, transaction)
        if again is None:
            self.leg_done(leg)
        else:
            self._core.send_request(leg, again, leg)

    def _say_bye(self, leg: Leg, headers: Iterable[tuple[str, str]]) -> None:
        leg.state = LegState.LEAVING
        self._expect_no_ack(leg)
        if leg is not leg.call.a and not leg.ack:
            # B's 2xx has not been acknowledged: it came too late, or its offer has not been answered.
            leg.ack = self._core.send_ack(leg, leg.invite_cseq)
        self._send_bye(leg, headers)

    def _send_bye(self, leg: Leg, headers: Iterable[tuple[str, str]]) -> None:
        request = leg.dialog.request("BYE")
        for name, value in headers:
            request.headers.add(name, value)
        self._core.send_request(leg, request, leg)

    def _refuse_fork(self, leg: Leg, response: Response) -> None:
        for fork in leg.forks:
            if fork.dialog.remote_tag == response.to.tag:
                self._core.repeat_ack(fork, fork.ack)
                return
        if len(leg.forks) >= MAX_FORKS:
            return
        fork = leg.fork(response, self._core.listeners.transports)
        fork.ack = self._core.send_ack(fork, fork.invite_cseq)
        self._send_bye(fork, ())

    def _expect_no_ack(self, leg: Leg) -> None:
        """Stop repeating a 2xx to somebody who has left, or whom we leave."""
        if isinstance(leg.invite, ServerTransaction):
            self._core.transactions.acknowledged(leg.invite)
        leg.invite = None

    def _refuse_invite(self, call: Call, headers: Iterable[tuple[str, str]]) -> None:
        invite = call.a_invite
        if invite is not None and not invite.is_answered:
            self._core.respond(invite, call.status, call.reason, leg=call.a, headers=headers)
            self.leg_done(call.a)

    def _abandon_exchange(self, call: Call) -> None:
        """Nobody waits for an offer's answer any more: tell who asked, call it off with who was asked."""
        exchange = call.exchange
        if exchange is None:
            return
        call.exchange = None
        exchange.stop_waiting()
        if not exchange.server.is_answered:
            self._core.respond(exchange.server, *failures.CANCELLED[:2], leg=exchange.asking)
        leg = exchange.answering
        if exchange.client is not None and exchange.method == "INVITE":
            self._core.transactions.cancel(exchange.client)
        if exchange.answered and exchange.method == "INVITE" and not exchange.ack:
            exchange.ack = self._core.send_ack(leg, exchange.cseq)

    def _finish_if_done(self, call: Call) -> None:
        if call.state is CallState.ENDING and call.id in self._core.calls and not call.legs():
            del self._core.calls[call.id]
            self._core.shell.call_ended(call)


def _farewell(request: Request) -> list[tuple[str, str]]:
    """What a BYE or CANCEL passes on to the other side: why (RFC 3326)."""
    reason = request.headers.get("Reason")
    return [("Reason", reason)] if reason else []
