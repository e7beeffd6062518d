"""How calls end: BYE from either side, CANCEL, failures, crossings of all of them.

A call is ENDING from the moment somebody wants it to end until both sides know: every leg has then sent or seen
its last response. Only then are its keys removed and its record written.
"""

from collections.abc import Iterable

from b2bua.call import failures
from b2bua.call.call import Call, CallState, Leg, LegState
from b2bua.call.core import Core
from b2bua.call.media import MediaControl
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ClientTransaction, ServerTransaction

OK = 200


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
        call.stop_ringing_timer()
        self._media.delete(call)
        self._core.admission.release(call.source)
        self._refuse_invites(call, headers)
        for leg in call.legs():
            self.dismiss(leg, farewell)
        self._core.shell.call_changed(call)
        self._finish_if_done(call)

    def dismiss(self, leg: Leg, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Let one leg go, by whatever its state asks for (RFC 3261 9.1, 15.1.1)."""
        if leg.state is LegState.CONFIRMED:
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
            leg.dialog.establish(response)
            self._core.send_ack(leg)
            self._say_bye(leg, ())
        elif leg.ack and response.to.tag == leg.dialog.remote_tag:
            self._core.repeat_ack(leg)
        else:
            self._refuse_fork(leg, response)

    def leg_done(self, leg: Leg) -> None:
        """The leg's last message has been exchanged."""
        if leg.state is LegState.DONE:
            return
        leg.state = LegState.DONE
        call = leg.call
        self._core.legs.pop(leg.id, None)
        if leg.patience is not None:
            leg.patience.cancel()
        if leg is not call.a:
            self._core.admission.release_out(leg.trunk)
        if leg in call.attempts:
            call.attempts.remove(leg)
        self._finish_if_done(call)

    def on_bye(self, leg: Leg, request: Request, transaction: ServerTransaction) -> None:
        """The peer of ``leg`` hangs up (RFC 3261 15.1.2)."""
        core = self._core
        call = leg.call
        core.respond(transaction, OK, leg=leg)
        farewell = [("Reason", reason)] if (reason := request.headers.get("Reason")) else []
        if leg.state is LegState.LEAVING:
            # Both hung up at once: our own BYE will be answered too.
            return
        if call.state is not CallState.ANSWERED:
            # A may leave a dialog that is still early; B has answered, but A has not been told yet.
            failure = failures.CANCELLED if leg is call.a else failures.NOBODY_THERE
            self.begin(call, leg.name[0], *failure, farewell=farewell)
            self.leg_done(leg)
            return
        self.leg_done(leg)
        self.begin(call, leg.name[0], OK, "Normal Clearing", farewell=farewell)

    def on_cancel(self, call: Call, request: Request) -> None:
        """A gives up before the answer (RFC 3261 9.2)."""
        farewell = [("Reason", reason)] if (reason := request.headers.get("Reason")) else []
        self.begin(call, "a", *failures.CANCELLED, farewell=farewell)

    def on_ack_missing(self, call: Call) -> None:
        """A never acknowledged the 2xx: the dialog is there, so it is left with BYE (RFC 3261 13.3.1.4)."""
        self.begin(call, "pinhole", 408, "ACK Timeout")

    def _say_bye(self, leg: Leg, headers: Iterable[tuple[str, str]]) -> None:
        leg.state = LegState.LEAVING
        request = leg.dialog.request("BYE")
        for name, value in headers:
            request.headers.add(name, value)
        self._core.send_request(leg, request, leg)

    def _refuse_fork(self, leg: Leg, response: Response) -> None:
        fork = leg.fork(response)
        self._core.send_ack(fork)
        self._say_bye(fork, ())

    def _refuse_invites(self, call: Call, headers: Iterable[tuple[str, str]]) -> None:
        """Answer what A or a re-INVITE still waits for."""
        self._refuse_exchange(call)
        invite = call.a_invite
        if invite is not None and not invite.is_answered:
            self._core.respond(invite, call.status, call.reason, leg=call.a, headers=headers)
            self.leg_done(call.a)

    def _refuse_exchange(self, call: Call) -> None:
        exchange = call.exchange
        if exchange is not None:
            call.exchange = None
            if not exchange.server.is_answered:
                self._core.respond(exchange.server, *failures.CANCELLED, leg=exchange.asking)

    def _finish_if_done(self, call: Call) -> None:
        if call.state is CallState.ENDING and call.id in self._core.calls and not call.legs():
            del self._core.calls[call.id]
            self._core.shell.call_ended(call)
