"""Offers inside an answered call: hold and resume, late offers, glare, CANCEL, failures (RFC 3665 3.7, RFC 3261 14)."""

import pytest

from b2bua.sip.message import Request, Response
from tests.flows.ladder import ANSWER, HELD, OFFER, Ladder, Party, relayed

Dialog = Request | Response


class Talk:
    """An answered call, seen from who asks and from who is asked."""

    def __init__(self, ladder: Ladder, asking: str) -> None:
        self.ladder = ladder
        if ladder.engine.core.config.relay:
            self._connects_through_the_relay()
        else:
            answered, offered = ladder.connects()
            self.dialogs: dict[str, Dialog] = {"a": answered, "b": offered}
        self.asks: Party = ladder.a if asking == "a" else ladder.b
        self.is_asked: Party = ladder.b if asking == "a" else ladder.a
        self.dialog = self.dialogs[asking]
        self.other_dialog = self.dialogs[self.is_asked.name]

    def _connects_through_the_relay(self) -> None:
        ladder = self.ladder
        ladder.a.sends_invite("2000")
        ladder.a.hears(100)
        ladder.relay_works()
        offered = ladder.b.hears_request("INVITE")
        ladder.b.answers(offered, 200, ANSWER)
        ladder.relay_works()
        ladder.b.hears("ACK")
        answered = ladder.a.hears_response(200)
        ladder.a.acks(answered)
        self.dialogs = {"a": answered, "b": offered}

    def reinvites(self, sdp: bytes) -> Request:
        request = self.asks.in_dialog("INVITE", self.dialog, sdp)
        self.asks.sends(request)
        self.asks.hears(100)
        return request

    def succeeds(self, sdp: bytes, answer: bytes) -> tuple[Request, Response]:
        """One re-INVITE that goes well: what was heard, request and answer."""
        self.reinvites(sdp)
        heard = self.is_asked.hears_request("INVITE")
        self.is_asked.answers(heard, 200, answer)
        self.is_asked.hears("ACK")
        answered = self.asks.hears_response(200)
        self.asks.acks(answered, dialog=self.dialog)
        return heard, answered

    def ends(self) -> None:
        self.asks.hangs_up(self.dialog)
        self.is_asked.is_hung_up()
        self.ladder.relay_works()
        self.ladder.is_over()


@pytest.fixture(params=["a", "b"])
def asking(request: pytest.FixtureRequest) -> str:
    """Who asks for something."""
    return str(request.param)


def test_hold_and_resume(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    heard, answered = talk.succeeds(HELD, ANSWER + b"a=recvonly\r\n")
    assert b"a=sendonly" in heard.body
    assert b"a=recvonly" in answered.body
    assert heard.call_id != answered.call_id
    heard, _ = talk.succeeds(OFFER, ANSWER)
    assert b"a=sendonly" not in heard.body
    talk.ends()


def test_hold_through_the_relay(asking: str) -> None:
    ladder = Ladder(relayed())
    talk = Talk(ladder, asking)
    talk.reinvites(HELD)
    ladder.relay_is_asked("offer")
    ladder.hears_nothing_more()
    ladder.relay_works()
    heard = talk.is_asked.hears_request("INVITE")
    assert b"a=sendonly" in heard.body
    talk.is_asked.answers(heard, 200, ANSWER + b"a=recvonly\r\n")
    talk.is_asked.hears("ACK")
    ladder.relay_works()
    talk.asks.acks(talk.asks.hears_response(200), dialog=talk.dialog)
    talk.ends()


def test_contact_is_followed(asking: str) -> None:
    """A target refresh (RFC 3261 12.2): the next request goes to the new address."""
    ladder = Ladder()
    talk = Talk(ladder, asking)
    moved = ladder.party("moved", "10.9.9.9")
    talk.asks.contact = "<sip:moved@10.9.9.9:5060>"
    talk.succeeds(OFFER, ANSWER)
    talk.is_asked.hangs_up(talk.other_dialog)
    bye = moved.hears_request("BYE")
    assert bye.uri == "sip:moved@10.9.9.9:5060"
    moved.answers(bye, 200)
    ladder.is_over()


def test_late_offer(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(b"")
    heard = talk.is_asked.hears_request("INVITE")
    assert heard.body == b""
    talk.is_asked.answers(heard, 200, OFFER)
    answered = talk.asks.hears_response(200)
    talk.ladder.hears_nothing_more()
    talk.asks.acks(answered, ANSWER, dialog=talk.dialog)
    ack = talk.is_asked.hears_request("ACK")
    assert b"m=audio 3456" in ack.body
    talk.is_asked.answers(heard, 200, OFFER)
    assert talk.is_asked.hears_request("ACK").to_bytes() == ack.to_bytes()
    talk.succeeds(OFFER, ANSWER)
    talk.ends()


def test_late_offer_through_the_relay(asking: str) -> None:
    ladder = Ladder(relayed())
    talk = Talk(ladder, asking)
    talk.reinvites(b"")
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 200, OFFER)
    ladder.relay_works()
    answered = talk.asks.hears_response(200)
    talk.asks.acks(answered, ANSWER, dialog=talk.dialog)
    ladder.relay_works()
    assert talk.is_asked.hears_request("ACK").body
    talk.ends()


def test_late_offer_that_the_relay_refuses(asking: str) -> None:
    ladder = Ladder(relayed())
    talk = Talk(ladder, asking)
    talk.reinvites(b"")
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 200, OFFER)
    ladder.relay_is_silent()
    talk.is_asked.hears("ACK")
    talk.asks.acks_failure(talk.asks.hears_response(503))
    talk.ends()


def test_call_ends_before_the_answer_to_a_late_offer(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(b"")
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 200, OFFER)
    talk.asks.hears(200)
    talk.asks.hangs_up(talk.dialog)
    talk.is_asked.hears("ACK")
    talk.is_asked.is_hung_up()
    talk.ladder.is_over()


@pytest.mark.parametrize("status", [400, 403, 415, 480, 488, 491, 500, 606])
def test_refused(asking: str, status: int) -> None:
    """RFC 3261 14.1: the session stays as it was, and another offer may follow."""
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, status)
    talk.is_asked.hears("ACK")
    talk.asks.acks_failure(talk.asks.hears_response(status))
    talk.succeeds(HELD, ANSWER)
    talk.ends()


def test_dialog_is_gone_at_the_other_side(asking: str) -> None:
    """RFC 3261 12.2.1.2: 481 ends the call; nobody is left alone."""
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    talk.is_asked.answers(talk.is_asked.hears_request("INVITE"), 481)
    talk.is_asked.hears("ACK")
    talk.asks.acks_failure(talk.asks.hears_response(481))
    talk.asks.is_hung_up()
    talk.ladder.is_over()


def test_other_side_times_out(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    talk.is_asked.answers(talk.is_asked.hears_request("INVITE"), 408)
    talk.is_asked.hears("ACK")
    talk.is_asked.is_hung_up()
    talk.asks.acks_failure(talk.asks.hears_response(408))
    talk.asks.is_hung_up()
    talk.ladder.is_over()


def test_other_side_is_silent(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    talk.ladder.passes(32.1)
    talk.asks.acks_failure(talk.asks.hears_response(408))
    talk.asks.is_hung_up()
    bye = talk.is_asked.heard.pop()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    talk.is_asked.heard.clear()
    talk.is_asked.answers(bye, 200)
    talk.ladder.is_over()


def test_other_side_only_says_trying(asking: str) -> None:
    """It is called off in the end, so that it does not block the call's offers for ever."""
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 100)
    talk.ladder.passes(180.1)
    talk.is_asked.is_cancelled(heard)
    talk.asks.acks_failure(talk.asks.hears_response(487))
    talk.ends()


def test_provisional_responses_stay_behind(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 180)
    talk.is_asked.answers(heard, 200, ANSWER)
    talk.is_asked.hears("ACK")
    talk.asks.acks(talk.asks.hears_response(200), dialog=talk.dialog)
    talk.ends()


# Glare


def test_both_offer_at_once(asking: str) -> None:
    """RFC 3261 14.2: each is told 491 by whom it asked, as it would be without us."""
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    crossed = talk.is_asked.in_dialog("INVITE", talk.other_dialog, OFFER)
    talk.is_asked.sends(crossed)
    talk.is_asked.acks_failure(talk.is_asked.hears_response(491))
    talk.is_asked.answers(heard, 491)
    talk.is_asked.hears("ACK")
    talk.asks.acks_failure(talk.asks.hears_response(491))
    talk.ends()


def test_same_side_offers_again_too_early(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.asks.sends(talk.asks.in_dialog("INVITE", talk.dialog, OFFER))
    refused = talk.asks.hears_response(500)
    assert refused.headers.get("Retry-After") == "2"
    talk.asks.acks_failure(refused)
    talk.is_asked.answers(heard, 200, ANSWER)
    talk.is_asked.hears("ACK")
    talk.asks.acks(talk.asks.hears_response(200), dialog=talk.dialog)
    talk.ends()


def test_offer_before_the_last_one_is_acknowledged() -> None:
    """Else the 2xx that was not acknowledged would end the call after 64*T1."""
    ladder = Ladder()
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.sends(ladder.a.in_dialog("INVITE", answered, OFFER))
    ladder.a.acks_failure(ladder.a.hears_response(500))
    ladder.b.sends(ladder.b.in_dialog("INVITE", offered, OFFER))
    ladder.b.acks_failure(ladder.b.hears_response(491))
    ladder.passes(0.6)
    ladder.a.acks(ladder.a.hears_response(200))
    ladder.passes(60)
    assert len(ladder.calls) == 1
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


# CANCEL and BYE


def test_called_off(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    request = talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 100)
    talk.asks.cancels(request)
    talk.asks.hears(200)
    talk.is_asked.is_cancelled(heard)
    talk.asks.acks_failure(talk.asks.hears_response(487))
    talk.succeeds(HELD, ANSWER)
    talk.ends()


def test_called_off_too_late(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    request = talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 100)
    talk.asks.cancels(request)
    talk.asks.hears(200)
    cancel = talk.is_asked.hears_request("CANCEL")
    talk.is_asked.answers(heard, 200, ANSWER)
    talk.is_asked.answers(cancel, 200)
    talk.is_asked.hears("ACK")
    talk.asks.acks(talk.asks.hears_response(200), dialog=talk.dialog)
    talk.ends()


def test_called_off_while_the_relay_is_asked(asking: str) -> None:
    ladder = Ladder(relayed())
    talk = Talk(ladder, asking)
    request = talk.reinvites(HELD)
    talk.asks.cancels(request)
    talk.asks.hears(200)
    ladder.relay_works()
    talk.asks.acks_failure(talk.asks.hears_response(487))
    talk.ends()


def test_relay_is_lost(asking: str) -> None:
    """A running call is left alone."""
    ladder = Ladder(relayed())
    talk = Talk(ladder, asking)
    talk.reinvites(HELD)
    ladder.relay_is_silent()
    refused = talk.asks.hears_response(503)
    assert refused.headers.get("Retry-After") == "5"
    talk.asks.acks_failure(refused)
    talk.ends()


@pytest.mark.parametrize("hanging_up", ["asks", "is_asked"])
def test_call_ends_meanwhile(asking: str, hanging_up: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 100)
    if hanging_up == "asks":
        talk.asks.sends(talk.asks.in_dialog("BYE", talk.dialog))
        talk.asks.hears(200)
        talk.asks.acks_failure(talk.asks.hears_response(487))
        cancel = talk.is_asked.hears_request("CANCEL")
        talk.is_asked.is_hung_up()
        talk.is_asked.answers(cancel, 200)
        talk.is_asked.answers(heard, 487)
        talk.is_asked.hears("ACK")
    else:
        talk.is_asked.hangs_up(talk.other_dialog)
        talk.is_asked.is_cancelled(heard)
        talk.asks.acks_failure(talk.asks.hears_response(487))
        talk.asks.is_hung_up()
    talk.ladder.is_over()


def test_call_ends_and_the_answer_crosses(asking: str) -> None:
    """The 2xx is acknowledged although nobody wants it."""
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.asks.sends(talk.asks.in_dialog("BYE", talk.dialog))
    talk.asks.hears(200)
    talk.asks.acks_failure(talk.asks.hears_response(487))
    bye = talk.is_asked.hears_request("BYE")
    talk.is_asked.answers(heard, 200, ANSWER)
    talk.is_asked.hears("ACK")
    talk.is_asked.answers(bye, 200)
    talk.ladder.is_over()


def test_reinvite_is_not_acknowledged(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    heard = talk.is_asked.hears_request("INVITE")
    talk.is_asked.answers(heard, 200, ANSWER)
    talk.is_asked.hears("ACK")
    talk.ladder.passes(32.1)
    bye = talk.asks.heard.pop()
    assert isinstance(bye, Request)
    talk.asks.heard.clear()
    talk.asks.answers(bye, 200)
    talk.is_asked.is_hung_up()
    talk.ladder.is_over()


def test_answer_that_is_no_sdp(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(HELD)
    talk.is_asked.answers(talk.is_asked.hears_request("INVITE"), 200, b"rubbish")
    talk.is_asked.hears("ACK")
    talk.asks.acks_failure(talk.asks.hears_response(502))
    talk.ends()


def test_offer_that_is_no_sdp(asking: str) -> None:
    talk = Talk(Ladder(), asking)
    talk.reinvites(b"rubbish")
    talk.asks.acks_failure(talk.asks.hears_response(400))
    talk.succeeds(HELD, ANSWER)
    talk.ends()
