"""From A's INVITE to B's answer: the offer to the relay, the hunt for a target, early media, the answer.

What is refused before there is a call is in ``b2bua.call.admit``; how a call ends is in ``b2bua.call.teardown``.
"""

from collections.abc import Iterable

from b2bua.call import challenge, crossing, failures
from b2bua.call.call import Call, CallState, Leg, LegState
from b2bua.call.core import Core
from b2bua.call.hunt import Group, Target
from b2bua.call.media import MediaControl, NotAcceptableHere, Receiver
from b2bua.call.teardown import Teardown
from b2bua.config import PHONES
from b2bua.sip.dialog import Dialog
from b2bua.sip.errors import SipError
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction import ClientTransaction

SDP = ("Content-Type", "application/sdp")


class Setup:
    """Calls that are not answered yet."""

    def __init__(self, core: Core, media: MediaControl, teardown: Teardown) -> None:
        self._core = core
        self._media = media
        self._teardown = teardown

    # Out to B

    def start(self, call: Call, groups: Iterable[Group]) -> None:
        """Ring the first group; ``call`` has leg A and A's INVITE."""
        call.groups = list(groups)
        call.ringing_timer = self._core.wheel.start(self._core.config.timers.ring, lambda: self._no_answer(call))
        self._next_group(call)

    def _next_group(self, call: Call) -> None:
        if not call.groups:
            self._teardown.begin(call, "b", *(call.failure or failures.NOBODY_THERE))
            return
        group = call.groups.pop(0)
        if not call.offer:
            self._ring(call, group, b"")
            return
        # Each group has its own codecs, so it gets its own offer; the relay's ports stay the same.
        receiver = Receiver("", group[0].hop, group[0].trunk)
        self._media.offer(call.a, receiver, call.offer, lambda outcome: self._offered(call, group, outcome))

    def _offered(self, call: Call, group: Group, outcome: bytes | SipError) -> None:
        if isinstance(outcome, bytes):
            self._ring(call, group, outcome)
        elif isinstance(outcome, NotAcceptableHere):
            # There is nothing that this trunk could be offered; another one may allow more.
            call.failure = failures.better(call.failure, failures.of(outcome))
            self._next_group(call)
        else:
            self._teardown.begin(call, "pinhole", *failures.of(outcome))

    def _ring(self, call: Call, group: Group, sdp: bytes) -> None:
        for target in group:
            try:
                self._invite(call, target, sdp)
            except SipError as error:
                call.failure = failures.better(call.failure, failures.of(error))
        self._core.shell.call_changed(call)
        self._next_unless_ringing(call)

    def _invite(self, call: Call, target: Target, sdp: bytes) -> None:
        """Open leg B to ``target``; raises SipError when it cannot be tried."""
        core = self._core
        assert call.a_invite is not None
        invite = call.a_invite.request
        hop = core.listeners.bound(target.hop)
        call.attempts_made += 1
        name = f"b{call.attempts_made}"
        tag = f"{call.id}-{name}"
        authority = core.listeners.authority(hop)
        dialog = Dialog(
            call_id=tag,
            local_tag=tag,
            remote_tag="",
            local=crossing.caller_identity(invite.from_, authority, tag),
            remote=f"<{target.uri}>",
            contact=core.listeners.contact(hop, tag),
            remote_target=target.uri,
            hop=hop,
            route_set=target.path,
            pinned=target.pinned,
        )
        request = self._write_invite(call, dialog, authority, sdp)
        core.admission.admit_out(target.trunk, core.now)
        leg = Leg(id=tag, name=name, call=call, dialog=dialog, trunk=target.trunk, target=target)
        call.trunk_out = target.trunk
        call.attempts.append(leg)
        core.legs[tag] = leg
        self._launch(leg, request)

    def _write_invite(self, call: Call, dialog: Dialog, authority: str, sdp: bytes) -> Request:
        core = self._core
        assert call.a_invite is not None
        invite = call.a_invite.request
        trusted = call.source != PHONES
        request = dialog.request("INVITE")
        headers = request.headers
        headers.set("Max-Forwards", str((invite.max_forwards or 70) - 1))
        headers.add("Allow", crossing.ALLOW)
        headers.add("User-Agent", core.config.server_name)
        for name, value in crossing.request_headers(invite, authority, trusted=trusted):
            headers.add(name, value)
        if sdp:
            headers.add(*SDP)
            request.body = sdp
        return request

    def _launch(self, leg: Leg, request: Request) -> None:
        core = self._core
        leg.invite_cseq = leg.dialog.local_cseq
        leg.patience = core.wheel.start(core.config.timers.first_response, lambda: self._no_word(leg))
        leg.invite = core.send_request(leg, request, leg)

    # Back from B

    def on_response(self, leg: Leg, response: Response, transaction: ClientTransaction) -> None:
        """A response to the INVITE of leg B."""
        leg.stop_waiting()
        status = response.status
        if status == 100:
            return
        if status < 200:
            self._on_ringing(leg, response)
        elif status < 300:
            self._on_answer(leg, response)
        elif leg.state is LegState.CALLING and (again := challenge.answered(self._core, leg, response, transaction)):
            self._launch(leg, again)
        else:
            self._on_failure(leg, status, failures.for_caller(response))

    def _on_ringing(self, leg: Leg, response: Response) -> None:
        call = leg.call
        if leg.state is not LegState.CALLING or call.b is not None:
            return
        if call.state is CallState.TRYING:
            call.state = CallState.RINGING
            call.ringing = self._core.now
            self._core.shell.call_changed(call)
        # Early media of several phones at once would be mixed up; then A makes its own ringing tone.
        if response.body and call.offer and sum(each.state is LegState.CALLING for each in call.attempts) == 1:
            self._media.answer(leg, call.a.id, response.body, lambda outcome: self._progress(call, response, outcome))
        else:
            self._progress(call, response, b"")

    def _progress(self, call: Call, response: Response, outcome: bytes | SipError) -> None:
        """Tell A of the ringing, with early media where the relay could make it."""
        if call.state is not CallState.RINGING or call.b is not None:
            return
        headers = [("Contact", call.a.dialog.contact), *crossing.response_headers(response)]
        body = outcome if isinstance(outcome, bytes) else b""
        self._answer_a(call, response.status, response.reason, headers, body)

    def _on_answer(self, leg: Leg, response: Response) -> None:
        call = leg.call
        if leg is call.b and response.to.tag == leg.dialog.remote_tag:
            self._core.repeat_ack(leg, leg.ack)
        elif call.b is None and leg.state is LegState.CALLING:
            self._take(leg, response)
        else:
            self._teardown.refuse_answer(leg, response)

    def _take(self, leg: Leg, response: Response) -> None:
        """The first answer wins; the other targets are called off (RFC 3261 13.2.2.4)."""
        call = leg.call
        core = self._core
        leg.dialog.establish(response, core.listeners.transports)
        call.b = leg
        call.trunk_out = leg.trunk
        leg.state = LegState.CONFIRMED
        leg.invite = None
        call.stop_ringing_timer()
        if leg.target is not None and leg.target.host is not None:
            core.trunks.succeeded(core.config.trunks[leg.trunk], leg.target.host)
        for other in list(call.attempts):
            if other is not leg:
                self._teardown.dismiss(other)
        if call.offer:
            leg.ack = core.send_ack(leg, leg.invite_cseq)
            # Gateways that have answered in a 18x already may leave the SDP out of their 2xx.
            answer = response.body or leg.remote_sdp
            self._media.answer(leg, call.a.id, answer, lambda outcome: self._accept(call, response, outcome))
        else:
            receiver = Receiver.at(call.a)
            self._media.offer(leg, receiver, response.body, lambda outcome: self._accept(call, response, outcome))

    def _accept(self, call: Call, response: Response, outcome: bytes | SipError) -> None:
        """B has answered and the relay has seen its SDP: A's INVITE is answered."""
        if isinstance(outcome, SipError):
            self._teardown.begin(call, "pinhole", *failures.of_answer(outcome))
            return
        call.state = CallState.ANSWERED
        call.answered = self._core.now
        call.a.state = LegState.CONFIRMED
        headers = [
            ("Contact", call.a.dialog.contact),
            ("Allow", crossing.ALLOW),
            *crossing.response_headers(response),
        ]
        self._answer_a(call, response.status, response.reason, headers, outcome)
        call.forget_setup()
        self._core.shell.call_changed(call)

    def _answer_a(self, call: Call, status: int, reason: str, headers: list[tuple[str, str]], body: bytes) -> None:
        assert call.a_invite is not None
        if body:
            headers.append(SDP)
        self._core.respond(call.a_invite, status, reason, leg=call.a, headers=headers, body=body)

    def on_ack(self, call: Call, request: Request) -> None:
        """A has acknowledged our 2xx; with a late offer that is B's answer."""
        leg = call.b
        if leg is None or leg.ack or call.state is not CallState.ANSWERED:
            return
        if not request.body:
            leg.ack = self._core.send_ack(leg, leg.invite_cseq)
            return
        self._media.answer(call.a, leg.id, request.body, lambda outcome: self._forward_ack(call, leg, outcome))

    def _forward_ack(self, call: Call, leg: Leg, outcome: bytes | SipError) -> None:
        if isinstance(outcome, bytes):
            leg.ack = self._core.send_ack(leg, leg.invite_cseq, [SDP], outcome)
        else:
            # B waits for an answer that it will not get: better end both sides than leave a call without media.
            self._teardown.begin(call, "pinhole", *failures.of(outcome))

    # What goes wrong at B

    def on_lost(self, leg: Leg) -> None:
        """Leg B's INVITE could not be sent, or nothing came back."""
        self._on_failure(leg, failures.NOT_REACHED.status, failures.NOT_REACHED)

    def _no_word(self, leg: Leg) -> None:
        """The target has not even said 100: try the next one, and call this one off should it wake up."""
        self._blame(leg, failures.NOT_REACHED.status)
        self._teardown.dismiss(leg)
        leg.call.failure = failures.better(leg.call.failure, failures.NOT_REACHED)
        self._next_unless_ringing(leg.call)

    def _no_answer(self, call: Call) -> None:
        self._teardown.begin(call, "pinhole", *failures.NO_ANSWER)

    def _on_failure(self, leg: Leg, status: int, failure: failures.Failure) -> None:
        """Leg B has failed with ``status``, which is ``failure`` to A."""
        call = leg.call
        was_calling = leg.state is LegState.CALLING
        self._teardown.leg_done(leg)
        if not was_calling:
            return
        self._blame(leg, status)
        call.failure = failures.better(call.failure, failure)
        if failures.is_final_word(status):
            call.groups.clear()
            for other in list(call.attempts):
                self._teardown.dismiss(other)
        elif not failures.is_worth_another_trunk(status):
            call.groups.clear()
        self._next_unless_ringing(call)

    def _next_unless_ringing(self, call: Call) -> None:
        if not any(leg.state is LegState.CALLING for leg in call.attempts):
            self._next_group(call)

    def _blame(self, leg: Leg, status: int) -> None:
        target = leg.target
        if target is not None and target.host is not None and failures.blames_host(status):
            self._core.trunks.failed(self._core.config.trunks[leg.trunk], target.host, self._core.now)
