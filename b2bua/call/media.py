"""What a call asks of the relay: ng commands, and what their replies mean.

A call that goes past the relay (both trunks say ``media: bypass``) has its SDP edited here instead: only the
origin is replaced and the codecs are filtered, the addresses are the parties' own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from b2bua.call.call import Call, CallState, Leg
from b2bua.call.core import Core, RelayCommand, RelayReply
from b2bua.sip.errors import SipError
from b2bua.sip.grammar import is_ipv6
from b2bua.sip.hop import Hop
from media_relay.ng.messages import PORTS_EXHAUSTED
from sdp.bypass import hide_origin
from sdp.errors import SdpError

RETRY_AFTER_S = 5

_PASSING_TROUBLE = (PORTS_EXHAUSTED, "load limit", "unknown call")
"""What relays say, in lower case, when another try or another relay may do better."""


class Receiver(NamedTuple):
    """Whom an offer is for: the tag of the leg, if it is known already, the way to it and its trunk."""

    tag: str
    hop: Hop
    trunk: str

    @classmethod
    def at(cls, leg: Leg) -> "Receiver":
        """The peer of a leg that is there."""
        return cls(leg.id, leg.dialog.hop, leg.trunk)


class RelayUnavailable(SipError):
    """The relay does not answer, or has no port left: the caller may try again."""

    status = 503
    reason = "Service Unavailable"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """When to try again."""
        return [("Retry-After", str(RETRY_AFTER_S))]


class NotAcceptableHere(SipError):
    """The relay cannot do what the SDP asks for (RFC 3261 21.4.26)."""

    status = 488
    reason = "Not Acceptable Here"


class BadDescription(SipError):
    """The body is no SDP."""

    status = 400
    reason = "Bad Session Description"


Described = Callable[[bytes | SipError], None]
"""Called with the SDP for the other side, or with why there is none; not at all once the call is ending."""


class MediaControl:
    """Turns one side's SDP into what the other side is shown."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def offer(self, sender: Leg, receiver: Receiver, body: bytes, then: Described) -> None:
        """``sender`` offers ``body`` to ``receiver``, who is only shown the codecs that both their trunks allow."""
        codecs = self._allowed_codecs(sender.trunk, receiver.trunk)
        if codecs is not None and not codecs:
            then(NotAcceptableHere(f"{sender.trunk} and {receiver.trunk} have no codec in common"))
            return
        command = _command("offer", sender, sender.id, receiver.tag, body)
        if codecs:
            command["codec"] = {"strip": ["all"], "except": [*codecs, "telephone-event"]}
        if is_ipv6(receiver.hop.host):
            command["address-family"] = "IP6"
        elif is_ipv6(sender.dialog.hop.host):
            command["address-family"] = "IP4"
        self._describe(sender, body, command, codecs or (), then)

    def answer(self, sender: Leg, offerer: str, body: bytes, then: Described) -> None:
        """``sender`` answers the offer of the leg ``offerer`` with ``body``."""
        self._describe(sender, body, _command("answer", sender, offerer, sender.id, body), (), then)

    def delete(self, call: Call) -> None:
        """Give the call's ports back. Nobody waits for that."""
        if call.relayed:
            self._core.tell_relay(
                call, {"command": "delete", "call-id": call.id, "from-tag": call.a.id, "delete-delay": 0}
            )

    def _describe(
        self, sender: Leg, body: bytes, command: RelayCommand, codecs: Sequence[str], then: Described
    ) -> None:
        sender.remote_sdp = body
        call = sender.call
        if not call.relayed:
            then(_past_us(call, sender, body, codecs))
            return

        def replied(reply: RelayReply | None) -> None:
            if call.state is CallState.ENDING:
                # The delete may have reached the relay before this command was repeated to it.
                self.delete(call)
                return
            outcome = _outcome(reply)
            self._core.note_relay(call, "in", "ok" if isinstance(outcome, bytes) else str(outcome))
            then(outcome)

        self._core.ask_relay(call, command, replied)

    def _allowed_codecs(self, *names: str) -> tuple[str, ...] | None:
        """The codecs that every one of the trunks allows; None where none of them says."""
        trunks = self._core.config.trunks
        limits = [trunk.codecs for name in names if (trunk := trunks.get(name)) is not None and trunk.codecs]
        if not limits:
            return None
        return tuple(codec for codec in limits[0] if all(codec in limit for limit in limits))


def _command(name: str, sender: Leg, from_tag: str, to_tag: str, body: bytes) -> RelayCommand:
    command: RelayCommand = {
        "command": name,
        "call-id": sender.call.id,
        "from-tag": from_tag,
        "sdp": body,
        "replace": ["origin", "session-connection"],
        "ICE": "remove",
    }
    if to_tag:
        command["to-tag"] = to_tag
    if sender.dialog.pinned:
        # Behind a NAT: its media will come from where its signalling does, whatever its SDP says.
        host = sender.dialog.hop.host
        command["received-from"] = ["IP6" if is_ipv6(host) else "IP4", host]
    return command


def _outcome(reply: RelayReply | None) -> bytes | SipError:
    if reply is None:
        return RelayUnavailable("the relay does not answer")
    if reply.get("result") == b"ok":
        sdp = reply.get("sdp")
        return sdp if isinstance(sdp, bytes) else RelayUnavailable("the relay's answer has no SDP")
    why = reply.get("error-reason", b"")
    text = why.decode("utf-8", "replace") if isinstance(why, bytes) else "the relay refuses"
    if any(trouble in text.lower() for trouble in _PASSING_TROUBLE):
        return RelayUnavailable(text)
    return NotAcceptableHere(text)


def _past_us(call: Call, sender: Leg, body: bytes, codecs: Sequence[str]) -> bytes | SipError:
    try:
        return hide_origin(body, session_id=_session_number(call, sender), codecs=codecs)
    except SdpError as error:
        return BadDescription(str(error)) if error.status == 400 else NotAcceptableHere(str(error))


def _session_number(call: Call, sender: Leg) -> int:
    """The session id that one side sees in o= for as long as the call lives (RFC 8866 5.2)."""
    return int.from_bytes(f"{call.id}{sender.name}".encode()[-7:], "big")
