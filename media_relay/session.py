"""The relay's calls: ng requests in, replies out, ports opened and closed on the way. Pure.

The only effect it has is through the ``Forwarder`` behind ``LocalInterfaces``. What others must hear of a call is left
in ``Relay.changes`` for the shell to collect.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from media_relay.call import Call, Dialogue, Side
from media_relay.interfaces import LocalInterfaces, UnknownInterfaceError
from media_relay.negotiation import Negotiator
from media_relay.ng.messages import PORTS_EXHAUSTED, NgError, Reply
from media_relay.ng.requests import Answer, Delete, ListCalls, Offer, Ping, Query, Request
from media_relay.ports import PortsExhaustedError
from media_relay.statistics import describe
from media_relay.traffic import Traffic
from sdp.errors import SdpError

MAX_DIALOGUES = 32
"""Branches of one call; a fork is never wider, a flood of offers is."""


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
    ``now`` for Unix time.
    """

    def __init__(
        self,
        interfaces: LocalInterfaces,
        *,
        learn_window_s: float,
        media_timeout_s: float,
        new_session_id: Callable[[], str],
        epoch: float,
    ) -> None:
        self.calls: dict[str, Call] = {}
        self.changes = Changes()
        self.interfaces = interfaces
        self.epoch = epoch
        self.traffic = Traffic()
        self._negotiator = Negotiator(interfaces, learn_window_s, self.traffic)
        self._media_timeout_s = media_timeout_s
        self._checks: list[tuple[float, str]] = []
        """A heap: a call that was heard needs no look until the timeout has passed since."""
        self._new_session_id = new_session_id

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

    def end_all(self, now: float) -> None:
        """End every call, as the process is about to leave."""
        for call in list(self.calls.values()):
            self._end(call, now)

    def _last_heard(self, call: Call) -> float | None:
        """When the silence of a call began at the earliest; None if it may be silent."""
        expected = [port for dialogue in call.dialogues if dialogue.answered for port in dialogue.expected_ports()]
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
        try:
            sdp = _checked(lambda: self._negotiator.offer(dialogue, request, now))
        except NgError:
            if not found:
                self._negotiator.release_all(dialogue, now)
            raise
        if not found:
            call.dialogues.append(dialogue)
            self.calls[call.id] = call
        _note_signal(call, now)
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
        sdp = _checked(lambda: self._negotiator.answer(dialogue, request, now))
        dialogue.sides[1 - dialogue.offerer].adopt_tag(request.to_tag)
        _note_signal(call, now)
        if call.next_check is None:
            self._check_at(call, now + self._media_timeout_s)
        self.changes.updated.add(call.id)
        return {"result": "ok", "sdp": sdp}

    def _delete(self, request: Delete, now: float) -> Reply:
        call = self.calls.get(request.call_id)
        doomed = _matching(call, request) if call else []
        if call is None or not doomed:
            if request.fatal:
                raise NgError("call-id not found or tags did not match")
            return {"result": "ok", "warning": "call-id not found or tags did not match"}
        reply = self._describe(call)
        if len(doomed) == len(call.dialogues):
            self._end(call, now)
            return reply
        for dialogue in doomed:
            self._negotiator.release_all(dialogue, now)
            call.dialogues.remove(dialogue)
        self.changes.updated.add(call.id)
        return reply

    def _query(self, request: Query) -> Reply:
        return self._describe(self._existing(request.call_id))

    def _describe(self, call: Call) -> Reply:
        self.refresh(call)
        return {"result": "ok", **describe(call, self.epoch)}

    def _existing(self, call_id: str) -> Call:
        try:
            return self.calls[call_id]
        except KeyError:
            raise NgError("unknown call-id") from None

    def _end(self, call: Call, now: float) -> None:
        for dialogue in call.dialogues:
            self._negotiator.release_all(dialogue, now)
        del self.calls[call.id]
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


def _note_signal(call: Call, now: float) -> None:
    call.last_signal = now
    call.timeout_told = False


def _matching(call: Call, request: Delete) -> list[Dialogue]:
    """The dialogues that a delete means: all of the sender's, one branch of them, or the one with both tags."""
    return [
        dialogue
        for dialogue in call.dialogues
        if (not request.from_tag or dialogue.index_of(request.from_tag) is not None)
        and (not request.to_tag or dialogue.index_of(request.to_tag) is not None)
        and request.via_branch in ("", dialogue.via_branch)
    ]
