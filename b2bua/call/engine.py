"""The B2BUA's brain: messages, timers and commands in; messages, relay commands and records out.

Pure: the daemon hands in bytes and the time and does what ``Shell`` is asked for. What happens to a request is
decided here by its method and by whether it is inside a dialog, and told by the room that it is handed to.
"""

from collections.abc import Callable

from b2bua.call import crossing, failures
from b2bua.call.admit import Admit, check_body, check_demands
from b2bua.call.call import CallState, Leg, LegState
from b2bua.call.core import Core, RelayReply
from b2bua.call.exchange import Exchange
from b2bua.call.media import MediaControl
from b2bua.call.midcall import BRIDGED, MidCall
from b2bua.call.refusals import MethodNotAllowed, NoSuchDialog, OutOfOrder
from b2bua.call.registration import Registration
from b2bua.call.setup import Setup
from b2bua.call.shell import Shell
from b2bua.call.teardown import Teardown
from b2bua.config import B2buaConfig
from b2bua.registrar import Registrar
from b2bua.routing import Router
from b2bua.sip.auth import DigestAuthenticator
from b2bua.sip.errors import ParseError, SipError
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ClientTransaction, ServerTransaction


class Engine:
    """One B2BUA node. ``secret`` keys the digest nonces; ``wall`` is the wall clock time at ``now``, in seconds."""

    def __init__(
        self, config: B2buaConfig, shell: Shell, new_id: Callable[[], str], secret: bytes, *, now: float, wall: float
    ) -> None:
        self.core = core = Core(config, shell, self, new_id, now=now, wall=wall)
        self.registrar = Registrar(config.registrar)
        authenticator = DigestAuthenticator(
            config.registrar.realm, secret, config.users.get, algorithms=config.registrar.algorithms
        )
        self._media = MediaControl(core)
        self._teardown = Teardown(core, self._media)
        self._setup = Setup(core, self._media, self._teardown)
        self._midcall = MidCall(core, self._media, self._teardown)
        self._admit = Admit(core, self._setup, Router(config), self.registrar, authenticator)
        self._registration = Registration(core, self.registrar, authenticator)

    # From the shell

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """One SIP message from the network, whatever it is."""
        self.core.transactions.receive(data, source, now)

    def refuse_malformed(self, error: ParseError, source: Hop, now: float) -> None:
        """A stream that has lost its frame: answer what can be answered."""
        self.core.wheel.now = now
        self.core.transactions.refuse(error, source)

    def advance(self, now: float) -> None:
        """Fire the timers that are due by ``now``."""
        self.core.wheel.advance(now)

    def next_deadline(self) -> float | None:
        """When ``advance`` is needed next."""
        return self.core.wheel.next_deadline()

    def relay_replied(self, operation: int, reply: RelayReply | None, now: float) -> None:
        """The relay's reply to an operation that the shell was asked for; None when it timed out."""
        self.core.wheel.now = now
        self.core.relay_replied(operation, reply)

    def transport_failed(self, data: bytes, hop: Hop, now: float) -> None:
        """A message could not be sent."""
        self.core.wheel.now = now
        self.core.transactions.transport_failed(data, hop)

    def hang_up(self, call_id: str, now: float, reason: str = "Hung Up by Operator") -> bool:
        """End a call from outside; False when it is not here."""
        self.core.wheel.now = now
        call = self.core.calls.get(call_id)
        if call is None:
            return False
        answered = call.state is CallState.ANSWERED
        self._teardown.begin(call, "pinhole", 200 if answered else 480, reason)
        return True

    # From the transaction layer (``TransactionUser``)

    def on_request(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        """A new request that is neither ACK nor CANCEL."""
        try:
            if request.to.tag:
                self._inside_dialog(request, transaction, source)
            else:
                self._outside_dialog(request, transaction, source)
        except SipError as error:
            self.core.refuse(transaction, error)

    def _outside_dialog(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        method = request.method
        if method == "INVITE":
            self._admit.on_invite(request, transaction, source)
        elif method == "OPTIONS":
            check_demands(request)
            self._answer_options(transaction)
        elif method == "REGISTER":
            check_demands(request)
            self._registration.on_register(request, transaction, source)
        elif method in ("BYE", "UPDATE", "INFO"):
            raise NoSuchDialog(f"{method} outside a dialog")
        else:
            raise MethodNotAllowed(method)

    def _inside_dialog(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        leg = self._leg_of(request)
        if leg is None:
            raise NoSuchDialog("no leg has these tags")
        method = request.method
        self.core.note(leg, "in", f"{method} {request.uri}", source, request.body)
        dialog = leg.dialog
        if request.cseq.number <= dialog.remote_cseq:
            raise OutOfOrder("CSeq is lower than before")
        dialog.remote_cseq = request.cseq.number
        check_demands(request)
        if method == "BYE":
            self._teardown.on_bye(leg, request, transaction)
        elif method == "OPTIONS":
            self._answer_options(transaction, leg)
        elif method in BRIDGED:
            if method in ("INVITE", "UPDATE"):
                check_body(request)
            transaction.context = leg
            self._midcall.on_request(leg, request, transaction)
        else:
            raise MethodNotAllowed(method)

    def _answer_options(self, transaction: ServerTransaction, leg: Leg | None = None) -> None:
        headers = [
            ("Allow", crossing.ALLOW),
            ("Accept", crossing.ACCEPT),
            ("Accept-Encoding", "identity"),
            ("Server", self.core.config.server_name),
        ]
        self.core.respond(transaction, 200, leg=leg, headers=headers)

    def on_ack(self, request: Request, source: Hop) -> None:
        """The ACK to a 2xx of ours."""
        leg = self._leg_of(request)
        if leg is None or not isinstance(leg.invite, ServerTransaction):
            return
        invite = leg.invite
        if invite.request.cseq.number != request.cseq.number or not invite.is_answered:
            return
        self.core.note(leg, "in", "ACK", source, request.body)
        self.core.transactions.acknowledged(invite)
        leg.invite = None
        exchange = leg.call.exchange
        if leg.state is LegState.UNACKNOWLEDGED:
            self._teardown.on_ack(leg)
        elif exchange is not None and exchange.server is invite:
            self._midcall.on_ack(exchange, request)
        elif invite.request.to.tag == "":
            self._setup.on_ack(leg.call, request)

    def on_cancel(self, request: Request, invite: ServerTransaction, cancel: ServerTransaction) -> None:
        """An INVITE is to be given up."""
        leg = invite.context if isinstance(invite.context, Leg) else None
        self.core.respond(cancel, 200, leg=leg)
        if leg is None or invite.is_answered:
            return
        call = leg.call
        self.core.note(leg, "in", "CANCEL", invite.hop)
        if invite is call.a_invite:
            self._teardown.on_cancel(call, request)
        elif call.exchange is not None and call.exchange.server is invite:
            self._midcall.on_cancel(call.exchange)

    def on_response(self, response: Response, transaction: ClientTransaction) -> None:
        """A response to a request of ours."""
        context = transaction.context
        leg = context.answering if isinstance(context, Exchange) else context
        assert isinstance(leg, Leg)
        self.core.note(leg, "in", f"{response.status} {response.reason}", transaction.hop, response.body)
        try:
            self._take_response(context, leg, response, transaction)
        except SipError:
            # What B said cannot be used; A is not to blame and must not wait for ever.
            if context is leg:
                self._teardown.leg_done(leg)
            self._teardown.begin(leg.call, "pinhole", *failures.BAD_ANSWER)

    def _take_response(self, context: object, leg: Leg, response: Response, transaction: ClientTransaction) -> None:
        if isinstance(context, Exchange):
            self._midcall.on_response(context, response, transaction)
        elif response.cseq.method == "INVITE":
            self._setup.on_response(leg, response, transaction)
        else:
            self._teardown.on_response(leg, response, transaction)

    def on_stray_response(self, response: Response, source: Hop) -> None:
        """A response that nobody waits for. It is dropped: nothing may be told from it."""

    def on_timeout(self, transaction: ClientTransaction) -> None:
        """Nobody answered a request of ours."""
        self._lost(transaction)

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        """A request of ours could not be sent."""
        self._lost(transaction)

    def on_ack_timeout(self, transaction: ServerTransaction) -> None:
        """A 2xx of ours was never acknowledged."""
        leg = transaction.context
        if isinstance(leg, Leg):
            self._teardown.on_ack_missing(leg)

    def _lost(self, transaction: ClientTransaction) -> None:
        context = transaction.context
        if isinstance(context, Exchange):
            self._midcall.on_lost(context)
        elif isinstance(context, Leg) and transaction.method == "INVITE":
            self._setup.on_lost(context)
        elif isinstance(context, Leg):
            self._teardown.leg_done(context)

    def _leg_of(self, request: Request) -> Leg | None:
        leg = self.core.legs.get(request.to.tag)
        return leg if leg is not None and leg.dialog.owns(request) else None
