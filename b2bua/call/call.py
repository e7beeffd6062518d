"""One call: its two legs and what is known of it. Data only; the rooms beside this file act on it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from b2bua.sip.dialog import Dialog
from b2bua.sip.message import Response
from b2bua.sip.timers import Timer
from b2bua.sip.transaction import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from b2bua.call.exchange import Exchange
    from b2bua.call.failures import Failure
    from b2bua.call.hunt import Group, Target


class CallState(StrEnum):
    """The life of a call, as Redis and the command line show it."""

    TRYING = "trying"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDING = "ending"


class LegState(StrEnum):
    """The life of one leg."""

    CALLING = "calling"
    """An INVITE is under way and nobody has answered it."""
    CONFIRMED = "confirmed"
    """A 2xx has been sent or received."""
    UNACKNOWLEDGED = "unacknowledged"
    """To be left, but the BYE has to wait until the peer has acknowledged our 2xx (RFC 3261 15)."""
    CANCELLING = "cancelling"
    """We asked for the INVITE to be given up; its final response is still to come."""
    LEAVING = "leaving"
    """We sent BYE; its response is still to come."""
    DONE = "done"


@dataclass(slots=True, eq=False)
class Leg:
    """One side of a call: our dialog with one peer.

    ``id`` is our tag in the dialog and the user part of our Contact. ``invite`` is an INVITE that is under way: ours,
    or one of the peer's until our 2xx is acknowledged. ``ack`` is the ACK that we sent for the 2xx that began the
    dialog, kept for its retransmissions. ``remote_sdp`` is the description that the peer sent last.
    """

    id: str
    name: str
    call: "Call"
    dialog: Dialog
    trunk: str
    state: LegState = LegState.CALLING
    invite: ClientTransaction | ServerTransaction | None = None
    invite_cseq: int = 0
    ack: bytes = b""
    remote_sdp: bytes = b""
    target: "Target | None" = None
    """Where leg B's INVITE was sent."""
    patience: Timer | None = None
    """Runs until the target of an INVITE has said its first word."""
    credentials: tuple[str, str] | None = None
    """The header with which the last INVITE was authorised; its ACK carries it too (RFC 3261 22.1)."""
    farewell: tuple[tuple[str, str], ...] = ()
    """The headers of the BYE that waits while the leg is ``UNACKNOWLEDGED``."""
    forks: tuple["Leg", ...] = ()
    """Unwanted answers of other forks, each acknowledged and left with BYE; no part of the call."""

    def stop_waiting(self) -> None:
        """Nobody waits for the target's first word any more."""
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None

    @property
    def awaits_first_ack(self) -> bool:
        """Whether the peer has yet to acknowledge the 2xx with which we began the dialog."""
        return isinstance(self.invite, ServerTransaction) and not self.invite.request.to.tag

    def fork(self, response: Response, spoken: Collection[str]) -> "Leg":
        """A leg of its own for the dialog that another fork of this leg's INVITE has opened with a 2xx."""
        dialog = replace(self.dialog, local_cseq=self.invite_cseq)
        dialog.establish(response, spoken)
        name = f"{self.id}-f{len(self.forks) + 1}"
        fork = Leg(name, self.name, self.call, dialog, self.trunk, LegState.DONE, invite_cseq=self.invite_cseq)
        fork.credentials = self.credentials
        self.forks += (fork,)
        return fork


@dataclass(slots=True, eq=False)
class Call:
    """One call through us. Times are monotonic seconds; 0.0 stands for not yet."""

    id: str
    source: str
    caller: str
    called: str
    a: Leg = field(init=False)
    b: Leg | None = None
    state: CallState = CallState.TRYING
    trunk_out: str = ""
    """Where the call went: the trunk that answered, or the last one tried."""
    relayed: bool = False
    created: float = 0.0
    ringing: float = 0.0
    answered: float = 0.0
    ended: float = 0.0
    status: int = 0
    reason: str = ""
    ended_by: str = ""
    epoch: int = 1

    # While it is being set up
    a_invite: ServerTransaction | None = None
    """A's INVITE; None once it is answered."""
    offer: bytes = b""
    """A's SDP; empty when the INVITE had none, so that B makes the offer (RFC 3261 13.2.1)."""
    groups: list["Group"] = field(default_factory=list)
    attempts: list[Leg] = field(default_factory=list)
    """Every leg B that is not done, the one that answered too."""
    attempts_made: int = 0
    failure: "Failure | None" = None
    """The most telling failure of a target so far."""
    ringing_timer: Timer | None = None

    # While it is answered
    exchange: "Exchange | None" = None

    def stop_ringing_timer(self) -> None:
        """Nobody waits for an answer any more."""
        if self.ringing_timer is not None:
            self.ringing_timer.cancel()
            self.ringing_timer = None

    def forget_setup(self) -> None:
        """Let go of what only the set-up needed: a call is mostly an answered one, and there are many."""
        self.a_invite = None
        self.groups = []
        self.failure = None

    def legs(self) -> list[Leg]:
        """Every leg that is not done."""
        return [leg for leg in (self.a, *self.attempts) if leg.state is not LegState.DONE]

    def other(self, leg: Leg) -> Leg | None:
        """The leg on the other side of an answered call."""
        return self.b if leg is self.a else self.a
