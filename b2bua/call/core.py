"""What every room of the call logic shares: the services, the indexes, and the few ways to speak."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

from b2bua.admission import Admission
from b2bua.call.call import Call, Leg
from b2bua.call.shell import LadderEntry, Shell
from b2bua.config import B2buaConfig
from b2bua.listeners import Listeners
from b2bua.sip.errors import SipError
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request
from b2bua.sip.responses import response_to
from b2bua.sip.timers import TimerWheel
from b2bua.sip.transaction import (
    ClientTransaction,
    ServerTransaction,
    TimerSettings,
    TransactionLayer,
    TransactionUser,
)
from b2bua.trunks import TrunkTable
from media_relay.ng.bencode import Decoded, Encodable

RelayCommand = dict[str, Encodable]
RelayReply = dict[str, Decoded]
RelayThen = Callable[[RelayReply | None], None]
"""Called with the relay's reply, or None when it has not answered in time."""

_COUNTED_METHODS = frozenset(("INVITE", "REGISTER", "OPTIONS", "BYE", "UPDATE", "INFO", "PRACK", "REFER", "SUBSCRIBE"))


class Core:
    """The services that setup, mid-call and teardown work with, and the calls that are on.

    ``legs`` finds a leg by our tag, ``calls`` a call by its ID. Times are monotonic seconds of the wheel;
    ``wall_offset`` turns them into wall clock time.
    """

    def __init__(
        self,
        config: B2buaConfig,
        shell: Shell,
        user: TransactionUser,
        new_id: Callable[[], str],
        *,
        now: float,
        wall: float,
    ) -> None:
        self.config = config
        self.shell = shell
        self.new_id = new_id
        self.wheel = TimerWheel(now)
        self.wall_offset = wall - now
        self.listeners = Listeners(config.listeners)
        self.trunks = TrunkTable(config.trunks)
        self.admission = Admission(config)
        timers = config.timers
        self.transactions = TransactionLayer(
            user, shell.send, self.wheel, new_id, TimerSettings(timers.t1, timers.t2, timers.t4), self.listeners.sent_by
        )
        self.calls: dict[str, Call] = {}
        self.legs: dict[str, Leg] = {}
        self.refused: Counter[tuple[str, int]] = Counter()
        """Requests refused for what they are, by method and status; methods that nobody knows are ``other``."""
        self._relay_operations: dict[int, RelayThen] = {}
        self._operation_numbers = count(1)

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self.wheel.now

    @property
    def wall(self) -> float:
        """Wall clock time in seconds."""
        return self.wheel.now + self.wall_offset

    # Answering

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        reason: str | None = None,
        *,
        leg: Leg | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request, with the To tag of ``leg`` where the request has none."""
        tag = leg.id if leg is not None else self.new_id() if status > 100 else ""
        response = response_to(transaction.request, status, reason, to_tag=tag, headers=headers, body=body)
        self.transactions.respond(transaction, response)
        if leg is not None:
            self.note(leg, "out", f"{status} {response.reason}", transaction.hop, body)

    def refuse(self, transaction: ServerTransaction, error: SipError) -> None:
        """Answer a request with what ``error`` maps to."""
        method = transaction.request.method
        self.refused[method if method in _COUNTED_METHODS else "other", error.status] += 1
        self.respond(transaction, error.status, error.reason, headers=error.headers)

    # Asking

    def send_request(self, leg: Leg, request: Request, context: object) -> ClientTransaction:
        """Send a request of ``leg``'s dialog; its responses come back with ``context``."""
        branch = f"{leg.id}-{leg.dialog.local_cseq}-{request.method[0]}"
        hop = self.listeners.bound(leg.dialog.hop)
        self.note(leg, "out", f"{request.method} {request.uri}", hop, request.body)
        return self.transactions.send_request(request, hop, context, branch)

    def send_ack(self, leg: Leg, cseq: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
        """Acknowledge the 2xx of ``leg``'s INVITE number ``cseq`` (RFC 3261 13.2.2.4).

        Returns the ACK, to be repeated when the 2xx comes again.
        """
        request = leg.dialog.request("ACK", cseq)
        if leg.credentials is not None:
            request.headers.add(*leg.credentials)
        for name, value in headers:
            request.headers.add(name, value)
        request.body = body
        hop = self.listeners.bound(leg.dialog.hop)
        self.note(leg, "out", "ACK", hop, body)
        return self.transactions.send_ack(request, hop, f"{leg.id}-{cseq}-K")

    def repeat_ack(self, leg: Leg, ack: bytes) -> None:
        """Send an ACK again, for a 2xx that came again; none is sent while there is none."""
        if ack:
            self.shell.send(ack, self.listeners.bound(leg.dialog.hop))

    # The relay

    def ask_relay(self, call: Call, command: RelayCommand, then: RelayThen) -> None:
        """Have the relay do ``command``; ``then`` gets its reply, even if the call has ended meanwhile."""
        operation = next(self._operation_numbers)
        self._relay_operations[operation] = then
        self.note_relay(call, "out", str(command["command"]))
        self.shell.relay(operation, command)

    def tell_relay(self, call: Call, command: RelayCommand) -> None:
        """Have the relay do ``command`` and do not wait for it."""
        self.note_relay(call, "out", str(command["command"]))
        self.shell.relay(next(self._operation_numbers), command)

    def relay_replied(self, operation: int, reply: RelayReply | None) -> None:
        """The relay's reply to ``operation``; None when there was none in time."""
        then = self._relay_operations.pop(operation, None)
        if then is not None:
            then(reply)

    # The ladder

    def note(self, leg: Leg, direction: str, summary: str, peer: Hop, body: bytes = b"") -> None:
        """One SIP message of ``leg``, for the call's ladder."""
        text = f"{summary} (SDP)" if body[:2] == b"v=" else summary
        entry = LadderEntry(self.wall, leg.name, direction, f"{peer.host}:{peer.port}", text)
        self.shell.ladder(leg.call.id, entry)

    def note_relay(self, call: Call, direction: str, summary: str) -> None:
        """One step with the relay, for the call's ladder."""
        entry = LadderEntry(self.wall, "relay", direction, self.config.relay, summary)
        self.shell.ladder(call.id, entry)
