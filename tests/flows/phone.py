"""A simulated user agent that behaves well and does everything at random: for networks that do not behave.

It stands on the transaction layer itself, so that what it does is repeated and acknowledged by the RFC; what it
does, and when, is one random number generator's choice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random

from b2bua.sip.dialog import Dialog
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response
from b2bua.sip.responses import response_to
from b2bua.sip.timers import TimerWheel
from b2bua.sip.transaction import ClientTransaction, ServerTransaction, TimerSettings, TransactionLayer

NODE = Hop("UDP", "192.0.2.1", 5060, 0, "udp")
SDP_TYPE = ("Content-Type", "application/sdp")
REFUSALS = (302, 404, 480, 486, 500, 503, 603)


@dataclass(slots=True, eq=False)
class Session:
    """One dialog of a phone. ``is_over`` once BYE or a failure has ended it, whoever began."""

    dialog: Dialog
    is_caller: bool
    is_confirmed: bool = False
    is_over: bool = False
    gives_up: bool = False
    is_acknowledged: bool = False
    invite: ClientTransaction | ServerTransaction | None = None
    acks: dict[int, bytes] = field(default_factory=dict)
    """What acknowledged each 2xx, by CSeq number."""
    unacknowledged: dict[int, ServerTransaction] = field(default_factory=dict)
    """Our own 2xx that wait for it, likewise."""


class Phone:
    """Calls, answers, refuses, talks and hangs up. It is its transaction layer's user."""

    def __init__(
        self, name: str, host: str, wheel: TimerWheel, rng: Random, send: Callable[[bytes, Hop], None], sdp: bytes
    ) -> None:
        self.name = name
        self.host = host
        self.sdp = sdp
        self.sessions: list[Session] = []
        self._send = send
        self._rng = rng
        self._wheel = wheel
        self._numbers = count(1)
        self.layer = TransactionLayer(
            self, send, wheel, lambda: f"{name}{next(self._numbers)}", TimerSettings(), lambda hop: (host, 5060)
        )

    # Doing

    def calls(self, called: str) -> None:
        """A new call; perhaps it is given up."""
        number = next(self._numbers)
        tag = f"{self.name}{number}"
        uri = f"sip:{called}@192.0.2.1"
        dialog = Dialog(
            tag, tag, "", f"<sip:{self.name}@{self.host}>;tag={tag}", f"<{uri}>", f"<sip:{tag}@{self.host}>", uri, NODE
        )
        session = Session(dialog, is_caller=True)
        self.sessions.append(session)
        session.invite = self._asks(session, "INVITE", b"" if self._rng.random() < 0.15 else self.sdp)
        if self._rng.random() < 0.25:
            self._later(8.0, lambda: self._give_up(session))

    def hangs_up(self, session: Session) -> None:
        """BYE, where a phone may say it (RFC 3261 15)."""
        if session.is_over or not session.is_confirmed or not (session.is_caller or session.is_acknowledged):
            return
        session.is_over = True
        self._asks(session, "BYE")

    def leaves_all(self) -> None:
        """The end of the test draws near: hang up, or give up."""
        for session in self.sessions:
            self._give_up(session)
            self.hangs_up(session)

    def _give_up(self, session: Session) -> None:
        if isinstance(session.invite, ClientTransaction) and not session.is_confirmed and not session.is_over:
            session.gives_up = True
            self.layer.cancel(session.invite)

    def _talks(self, session: Session) -> None:
        """Something that one does in a call, and then perhaps something else."""
        if session.is_over:
            return
        choice = self._rng.random()
        if choice < 0.3:
            self.hangs_up(session)
        elif choice < 0.6:
            self._asks(session, "INVITE", b"" if self._rng.random() < 0.2 else self.sdp)
        elif choice < 0.75:
            self._asks(session, "UPDATE", self.sdp)
        elif choice < 0.9:
            self._asks(session, "INFO")
        self._later(20.0, lambda: self._talks(session))

    def _asks(self, session: Session, method: str, sdp: bytes = b"") -> ClientTransaction:
        request = session.dialog.request(method)
        if sdp:
            request.headers.add(*SDP_TYPE)
            request.body = sdp
        return self.layer.send_request(request, session.dialog.hop, session)

    def _later(self, at_most_s: float, do: Callable[[], None]) -> None:
        self._wheel.start(self._rng.random() * at_most_s, do)

    # Hearing requests

    def on_request(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        """A call, or something within one."""
        session = next((each for each in self.sessions if each.dialog.local_tag == request.to.tag), None)
        if request.to.tag and (session is None or session.is_over):
            self._answer(transaction, 200 if request.method == "BYE" else 481)
        elif session is not None:
            self._hear_in_dialog(session, request, transaction)
        elif request.method == "INVITE":
            self._is_called(request, transaction, source)
        else:
            self._answer(transaction, 405)

    def _is_called(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        tag = f"{self.name}{next(self._numbers)}"
        contact = f"<sip:{tag}@{self.host}>"
        dialog = Dialog.answering(request, tag, contact, source, pinned=False, spoken=("UDP",))
        session = Session(dialog, is_caller=False, invite=transaction)
        transaction.context = session
        self.sessions.append(session)
        if self._rng.random() < 0.1:
            session.is_over = True
            return  # a phone that has lost its power
        for status in (100, 180, 183):
            if self._rng.random() < 0.5:
                sdp = self.sdp if status == 183 else b""
                self._later(3.0, partial(self._respond, session, transaction, status, sdp))
        self._later(6.0, lambda: self._decide(session, transaction))

    def _decide(self, session: Session, transaction: ServerTransaction) -> None:
        if transaction.is_answered:
            return
        if self._rng.random() < 0.25:
            session.is_over = True
            self._respond(session, transaction, self._rng.choice(REFUSALS))
            return
        session.is_confirmed = True
        self._respond(session, transaction, 200, self.sdp)

    def _hear_in_dialog(self, session: Session, request: Request, transaction: ServerTransaction) -> None:
        transaction.context = session
        if request.cseq.number <= session.dialog.remote_cseq:
            self._respond(session, transaction, 500)
            return
        session.dialog.remote_cseq = request.cseq.number
        if request.method == "BYE":
            session.is_over = True
            self._respond(session, transaction, 200)
        elif request.method == "INVITE" and self._rng.random() < 0.2:
            self._respond(session, transaction, self._rng.choice((488, 491)))
        elif request.method == "INVITE":
            self._later(1.0, lambda: self._respond(session, transaction, 200, self.sdp))
        else:
            self._respond(session, transaction, 200, self.sdp if request.body else b"")

    def _respond(self, session: Session, transaction: ServerTransaction, status: int, sdp: bytes = b"") -> None:
        if transaction.is_answered:
            return
        if status == 200 and transaction.is_invite:
            session.unacknowledged[transaction.request.cseq.number] = transaction
        headers = [("Contact", session.dialog.contact)]
        if sdp:
            headers.append(SDP_TYPE)
        tag = session.dialog.local_tag
        self.layer.respond(transaction, response_to(transaction.request, status, to_tag=tag, headers=headers, body=sdp))

    def _answer(self, transaction: ServerTransaction, status: int) -> None:
        self.layer.respond(transaction, response_to(transaction.request, status, to_tag=self.name))

    def on_cancel(self, request: Request, invite: ServerTransaction, cancel: ServerTransaction) -> None:
        """The caller has given up."""
        self._answer(cancel, 200)
        session = invite.context
        if isinstance(session, Session) and not invite.is_answered:
            session.is_over = session.is_over or not session.is_confirmed
            self._respond(session, invite, 487)

    def on_ack(self, request: Request, source: Hop) -> None:
        """Our 2xx has arrived."""
        for session in self.sessions:
            if session.dialog.local_tag != request.to.tag:
                continue
            transaction = session.unacknowledged.pop(request.cseq.number, None)
            if transaction is not None:
                self.layer.acknowledged(transaction)
            if not session.is_acknowledged:
                session.is_acknowledged = True
                self._later(20.0, partial(self._talks, session))

    # Hearing responses

    def on_response(self, response: Response, transaction: ClientTransaction) -> None:
        """To one of our requests."""
        session = transaction.context
        assert isinstance(session, Session)
        if response.status < 200:
            return
        if transaction.method == "INVITE" and response.status < 300:
            self._acknowledge(session, response)
        elif response.status in (408, 481) or (transaction is session.invite and not session.is_confirmed):
            session.is_over = True

    def _acknowledge(self, session: Session, response: Response) -> None:
        number = response.cseq.number
        if number in session.acks:
            self._send(session.acks[number], session.dialog.hop)
            return
        if not session.is_confirmed:
            session.dialog.establish(response, ("UDP",))
        ack = session.dialog.request("ACK", number)
        ack.headers.add(*SDP_TYPE)
        ack.body = self.sdp
        session.acks[number] = self.layer.send_ack(ack, session.dialog.hop)
        if session.is_confirmed or session.is_over:
            return
        session.is_confirmed = True
        if session.gives_up:
            self.hangs_up(session)
        else:
            self._later(20.0, lambda: self._talks(session))

    def on_stray_response(self, response: Response, source: Hop) -> None:
        """Nothing."""

    def on_timeout(self, transaction: ClientTransaction) -> None:
        """Nobody is there: the session is over (RFC 3261 12.2.1.2)."""
        session = transaction.context
        assert isinstance(session, Session)
        if transaction.method not in ("BYE", "INVITE") or session.is_confirmed:
            self.hangs_up(session)
        session.is_over = True

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        """It does not happen here."""

    def on_ack_timeout(self, transaction: ServerTransaction) -> None:
        """RFC 3261 13.3.1.4."""
        session = transaction.context
        assert isinstance(session, Session)
        session.is_acknowledged = True
        self.hangs_up(session)
