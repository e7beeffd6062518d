"""The relay's calls: ng requests in, replies out, ports opened and closed on the way. Pure.

The only effect it has is through the ``Forwarder`` behind ``LocalInterfaces``. What others must hear of a call is left
in ``Relay.changes`` for the shell to collect.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from media_relay.call import Call, Dialogue, Side
from media_relay.digit_watch import watch_digits
from media_relay.gates import apply_gates, move_gate
from media_relay.interfaces import LocalInterfaces, UnknownInterfaceError
from media_relay.negotiation import Negotiator
from media_relay.ng.messages import LOAD_LIMIT, PORTS_EXHAUSTED, NgError, Reply
from media_relay.ng.parsing import NO_RECORDER
from media_relay.ng.requests import (
    Answer,
    Block,
    Delete,
    Description,
    Gate,
    ListCalls,
    Offer,
    Ping,
    Query,
    Recording,
    Request,
    Statistics,
)
from media_relay.ports import PortsExhaustedError
from media_relay.relay_statistics import Tally, describe_relay
from media_relay.resumption import ResumptionError, unpack_call
from media_relay.secure.exchange import KeyExchange
from media_relay.statistics import describe
from media_relay.traffic import Traffic
from sdp.errors import SdpError

MAX_DIALOGUES = 32
"""Branches of one call; a fork is never wider, a flood of offers is."""
DELETE_DELAY_S: Final = 30.0
"""As rtpengine has it: a retransmitted or late answer still finds the call."""
NOT_FOUND: Final = "Call-ID not found or tags didn't match"


@dataclass(slots=True)
class Changes:
    """Call ids since the last look: newly answered or renegotiated, and gone."""

    updated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.updated or self.deleted)

    def clear(self) -> None:
        """Forget them, once they are taken note of."""
        self.updated.clear()
        self.deleted.clear()


class Relay:
    """All calls of this process.

    ``new_session_id`` gives a number as text for o= lines, unlike any it gave before; ``epoch`` is what to add to
    ``now`` for Unix time, ``started`` the ``now`` of the process's start; ``delete_delay_s`` is how long a deleted call
    goes on unless the client says.
    """

    def __init__(
        self,
        interfaces: LocalInterfaces,
        *,
        learn_window_s: float,
        media_timeout_s: float,
        new_session_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        epoch: float,
        started: float = 0.0,
        delete_delay_s: float = DELETE_DELAY_S,
    ) -> None:
        self.calls: dict[str, Call] = {}
        self.changes = Changes()
        self.interfaces = interfaces
        self.epoch = epoch
        self.traffic = Traffic()
        self._negotiator = Negotiator(interfaces, learn_window_s, self.traffic, KeyExchange(random_bytes))
        self._media_timeout_s = media_timeout_s
        self._checks: list[tuple[float, str]] = []
        """A heap: a call that was heard needs no look until the timeout has passed since."""
        self._new_session_id = new_session_id
        self._delete_delay_s = delete_delay_s
        self._endings: list[tuple[float, str]] = []
        """A heap: when a dialogue of a call may have to end."""
        self.tally = Tally()
        self._started = started

    def handle(self, request: Request, now: float) -> Reply:
        """Carry a request out. Raises NgError when that cannot be done."""
        match request:
            case Ping():
                return {"result": "pong"}
            case Offer():
                return self._offer(request, now)
            case Answer():
                return self._answer(request, now)
            case Delete():
                return self._delete(request, now)
            case Query():
                return self._query(request)
            case ListCalls():
                return {"result": "ok", "calls": list(self.calls)[: request.limit]}
            case Statistics():
                return self._statistics(now)
            case Block():
                return self._block(request)
            case Recording():
                raise NgError(NO_RECORDER)

    def resume(self, call_id: str, shape: bytes, progress: bytes, now: float) -> None:
        """Go on with a call of the process before us (`media_relay.resumption`). Raises ResumptionError."""
        if call_id in self.calls:
            raise ResumptionError("it has begun anew")
        call = unpack_call(call_id, shape, progress, self.interfaces, self._negotiator.wire, self.epoch, now)
        self._watch_digits(call)
        self.calls[call_id] = call
        if call.next_check is not None:
            self._check_at(call, now + self._media_timeout_s)
        for dialogue in call.dialogues:
            if dialogue.ends_at is not None:
                heappush(self._endings, (dialogue.ends_at, call_id))
        self.changes.updated.add(call_id)

    def end_due(self, now: float) -> None:
        """End what was deleted with a delay that is over; to be called every second or so."""
        while self._endings and self._endings[0][0] <= now:
            _, call_id = heappop(self._endings)
            if call := self.calls.get(call_id):
                self._end_dialogues(
                    call, [d for d in call.dialogues if d.ends_at is not None and d.ends_at <= now], now
                )

    def silent_calls(self, now: float) -> list[str]:
        """Answered calls whose media has ended: nothing for the timeout at any port where something is due.

        A call is told once until it is signalled again. A call that is held, or has no media, is not silent.
        """
        silent = []
        while self._checks and self._checks[0][0] <= now:
            due, call_id = heappop(self._checks)
            call = self.calls.get(call_id)
            if call is None or call.next_check != due:
                continue  # ended since, and perhaps begun again
            heard = self._last_heard(call)
            if heard is None or call.timeout_told:
                heard = now
            elif now >= heard + self._media_timeout_s:
                call.timeout_told = True
                self.traffic.media_timeouts += 1
                silent.append(call.id)
                heard = now
            self._check_at(call, heard + self._media_timeout_s)
        return silent

    def refresh(self, *calls: Call) -> None:
        """Bring the counters of these calls' ports up to date."""
        dialogues = [dialogue for call in calls for dialogue in call.dialogues]
        streams = [stream for dialogue in dialogues for _, *pair in dialogue.stream_pairs() for stream in pair]
        self.interfaces.read([port for stream in streams for port in (stream.rtp, stream.rtcp)])

    def end_deleted(self, now: float) -> None:
        """End what was deleted with a delay that is not over, as the process is about to leave."""
        for call in list(self.calls.values()):
            self._end_dialogues(call, [dialogue for dialogue in call.dialogues if dialogue.ends_at is not None], now)

    def _last_heard(self, call: Call) -> float | None:
        """When the silence of a call began at the earliest; None if it may be silent."""
        expected = [
            port
            for dialogue in call.dialogues
            if dialogue.answered and dialogue.ends_at is None
            for port in dialogue.expected_ports()
        ]
        if not expected:
            return None
        self.refresh(call)
        return max(call.last_signal, *(port.last_seen for port in expected))

    def _check_at(self, call: Call, when: float) -> None:
        call.next_check = when
        heappush(self._checks, (when, call.id))

    def _offer(self, request: Offer, now: float) -> Reply:
        call = self.calls.get(request.call_id) or Call(request.call_id, now)
        found = call.find_for_offer(request.from_tag, request.to_tag, request.via_branch)
        dialogue, offerer = found or (self._new_dialogue(call, request), 0)
        dialogue.offerer = offerer
        if request.tos is not None:
            call.tos = request.tos
        try:
            sdp = _checked(lambda: self._negotiator.offer(call, dialogue, request, now))
        except NgError as error:
            if not found:
                self._negotiator.release_all(dialogue, now)
                self.tally.rejected += 1
            if request.understands_load_limit and str(error).startswith(PORTS_EXHAUSTED):
                return {"result": LOAD_LIMIT, "message": str(error)}
            raise
        if not found:
            call.dialogues.append(dialogue)
            self.calls[call.id] = call
        _note_signal(call, dialogue, request, now)
        self._follow_gates(call, request)
        return {"result": "ok", "sdp": sdp}

    def _new_dialogue(self, call: Call, request: Offer) -> Dialogue:
        if len(call.dialogues) >= MAX_DIALOGUES:
            raise NgError(f"more than {MAX_DIALOGUES} branches")
        offerer = Side(self._new_session_id(), (request.from_tag,))
        other = Side(self._new_session_id(), (request.to_tag,) if request.to_tag else ())
        return Dialogue((offerer, other), request.via_branch)

    def _answer(self, request: Answer, now: float) -> Reply:
        call = self._existing(request.call_id)
        dialogue = call.find_for_answer(request.from_tag, request.to_tag, request.via_branch)
        if dialogue is None:
            raise NgError("no offer from this tag")
        sdp = _checked(lambda: self._negotiator.answer(call, dialogue, request, now))
        dialogue.sides[1 - dialogue.offerer].adopt_tag(request.to_tag)
        _note_signal(call, dialogue, request, now)
        self._follow_gates(call, request)
        self._watch_digits(call)
        if call.next_check is None:
            self._check_at(call, now + self._media_timeout_s)
        self.changes.updated.add(call.id)
        return {"result": "ok", "sdp": sdp}

    def _delete(self, request: Delete, now: float) -> Reply:
        call = self.calls.get(request.call_id)
        doomed = _matching(call, request) if call else []
        if call is None or not doomed:
            if request.fatal:
                raise NgError(NOT_FOUND)
            return {"result": "ok", "warning": NOT_FOUND}
        reply = self._describe(call)
        delay_s = self._delete_delay_s if request.delay_s is None else request.delay_s
        if delay_s:
            for dialogue in doomed:
                dialogue.ends_at = now + delay_s
            heappush(self._endings, (now + delay_s, call.id))
        else:
            self._end_dialogues(call, doomed, now)
        return reply

    def _block(self, request: Block) -> Reply:
        call = self._existing(request.call_id)
        move_gate(call, request)
        self._apply_gates(call)
        self.changes.updated.add(call.id)
        return {"result": "ok"}

    def _follow_gates(self, call: Call, request: Description) -> None:
        """Close or open what an offer or answer says, and apply what is closed to what it has changed."""
        if request.drop_traffic is not None:
            call.closed = {Gate.MEDIA, Gate.DTMF} if request.drop_traffic else set()
            self._apply_gates(call)
        elif call.closed or any(side.closed for side in call.sides):
            self._apply_gates(call)

    def _apply_gates(self, call: Call) -> None:
        for dialogue in call.dialogues:
            for stream in apply_gates(call, dialogue):
                self.interfaces.refresh(stream.rtp)

    def _watch_digits(self, call: Call) -> None:
        for stream in watch_digits(call):
            self.interfaces.refresh(stream.rtp)

    def _query(self, request: Query) -> Reply:
        return self._describe(self._existing(request.call_id))

    def _describe(self, call: Call) -> Reply:
        self.refresh(call)
        return {"result": "ok", **describe(call, self.epoch)}

    def _statistics(self, now: float) -> Reply:
        self.traffic.tally_calls(self.calls.values())
        uptime_s = now - self._started
        statistics = describe_relay(self.tally, self.calls, self.interfaces, self.traffic.totals, uptime_s)
        return {"result": "ok", "statistics": statistics}

    def _existing(self, call_id: str) -> Call:
        try:
            return self.calls[call_id]
        except KeyError:
            raise NgError("unknown call-id") from None

    def _end_dialogues(self, call: Call, doomed: list[Dialogue], now: float) -> None:
        if doomed and len(doomed) == len(call.dialogues):
            self._end(call, now)
            return
        for dialogue in doomed:
            self._negotiator.release_all(dialogue, now)
            call.dialogues.remove(dialogue)
            self.changes.updated.add(call.id)

    def _end(self, call: Call, now: float) -> None:
        for dialogue in call.dialogues:
            self._negotiator.release_all(dialogue, now)
        del self.calls[call.id]
        self.tally.end(now - call.created)
        self.changes.updated.discard(call.id)
        self.changes.deleted.add(call.id)


def _checked(negotiate: Callable[[], bytes]) -> bytes:
    """Run a negotiation, its failures turned into what the client is told."""
    try:
        return negotiate()
    except PortsExhaustedError as error:
        raise NgError(f"{PORTS_EXHAUSTED}: {error}") from error
    except UnknownInterfaceError as error:
        raise NgError(str(error)) from error
    except SdpError as error:
        raise NgError(f"unusable SDP: {error}") from error


def _note_signal(call: Call, dialogue: Dialogue, request: Description, now: float) -> None:
    call.last_signal = now
    call.timeout_told = False
    call.metadata = request.metadata or call.metadata
    dialogue.ends_at = None


def _matching(call: Call, request: Delete) -> list[Dialogue]:
    """The dialogues that a delete means: all of the sender's, one branch of them, or the one with both tags."""
    return [
        dialogue
        for dialogue in call.dialogues
        if (not request.from_tag or dialogue.index_of(request.from_tag) is not None)
        and (not request.to_tag or dialogue.index_of(request.to_tag) is not None)
        and request.via_branch in ("", dialogue.via_branch)
    ]
