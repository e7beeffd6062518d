"""UPDATE, INFO, MESSAGE and OPTIONS inside a call, and requests that are out of place (RFC 3261 12.2.2)."""

import pytest

from b2bua.sip.message import Request
from tests.flows.ladder import ANSWER, HELD, OFFER, Ladder, relayed


@pytest.mark.parametrize("method", ["INFO", "MESSAGE"])
def test_crosses_with_its_body(method: str) -> None:
    ladder = Ladder()
    answered, offered = ladder.connects()
    body = b"Signal=5\r\nDuration=160\r\n"
    for asks, of, is_asked in ((ladder.a, answered, ladder.b), (ladder.b, offered, ladder.a)):
        asks.sends(asks.in_dialog(method, of, body, content="application/dtmf-relay"))
        heard = is_asked.hears_request(method)
        assert heard.body == body
        assert heard.headers.get("Content-Type") == "application/dtmf-relay"
        is_asked.answers(heard, 200)
        asks.hears(200)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_info_is_refused() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("INFO", answered))
    ladder.b.answers(ladder.b.hears_request("INFO"), 415)
    ladder.a.hears(415)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_info_is_on_its_way_when_the_call_ends() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("INFO", answered))
    info = ladder.b.hears_request("INFO")
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.b.answers(info, 200)
    ladder.a.hears(200)
    ladder.is_over()


def test_info_is_never_answered() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("INFO", answered))
    ladder.passes(32.1)
    ladder.a.hears(408)
    ladder.a.is_hung_up()
    bye = ladder.b.heard.pop()
    assert isinstance(bye, Request)
    ladder.b.heard.clear()
    ladder.b.answers(bye, 200)
    ladder.is_over()


def test_info_is_never_answered_and_the_call_ends_meanwhile() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("INFO", answered))
    ladder.b.hears("INFO")
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.passes(32.1)
    ladder.a.hears(408)
    ladder.b.heard.clear()
    ladder.is_over()


def test_update_with_an_offer() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("UPDATE", answered, HELD))
    heard = ladder.b.hears_request("UPDATE")
    assert b"a=sendonly" in heard.body
    ladder.b.answers(heard, 200, ANSWER)
    assert b"m=audio 3456" in ladder.a.hears_response(200).body
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_update_through_the_relay() -> None:
    ladder = Ladder(relayed())
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_works()
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    ladder.relay_works()
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.b.sends(ladder.b.in_dialog("UPDATE", offered, HELD))
    ladder.relay_works()
    ladder.a.answers(ladder.a.hears_request("UPDATE"), 200, OFFER)
    ladder.relay_works()
    ladder.b.hears(200)
    ladder.b.hangs_up(offered)
    ladder.a.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_update_without_a_body_is_a_sign_of_life() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("UPDATE", answered))
    assert ladder.a.hears_response(200).contact is not None
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_updates_cross() -> None:
    """RFC 3311 5.2."""
    ladder = Ladder()
    answered, offered = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("UPDATE", answered, HELD))
    heard = ladder.b.hears_request("UPDATE")
    ladder.b.sends(ladder.b.in_dialog("UPDATE", offered, HELD))
    ladder.b.hears(491)
    ladder.a.sends(ladder.a.in_dialog("UPDATE", answered, OFFER))
    ladder.a.hears(500)
    ladder.b.answers(heard, 491)
    ladder.a.hears(491)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_update_while_it_rings() -> None:
    """The offer of the INVITE is not answered yet (RFC 3311 5.2): 500 for its sender, 491 for the other side."""
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    invite = a.sends_invite("2000")
    a.hears(100)
    offered = b.hears_request("INVITE")
    b.answers(offered, 183)
    early = a.hears_response(183)
    b.sends(b.in_dialog("UPDATE", offered, OFFER))
    b.hears(491)
    b.sends(b.in_dialog("UPDATE", offered))
    b.hears(200)
    a.sends(a.in_dialog("UPDATE", early, OFFER))
    assert a.hears_response(500).headers.get("Retry-After") == "2"
    a.cancels(invite)
    a.hears(200)
    a.acks_failure(a.hears_response(487))
    b.is_cancelled(offered)
    ladder.is_over()


def test_options() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("OPTIONS", answered))
    allowed = ladder.a.hears_response(200).headers.get("Allow") or ""
    assert "INVITE" in allowed
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "UPDATE", "OPTIONS", "MESSAGE", "REFER"])
def test_tags_of_no_dialog(method: str) -> None:
    ladder = Ladder()
    ladder.a.sends(ladder.a.request(method, "sip:x@192.0.2.1", to="<sip:2000@192.0.2.1>;tag=unknown"))
    refused = ladder.a.hears_response(481)
    if method == "INVITE":
        ladder.a.acks_failure(refused)
    ladder.is_over()


def test_right_tag_and_wrong_call_id() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    bye = ladder.a.in_dialog("BYE", answered)
    bye.headers.set("Call-ID", "another")
    ladder.a.sends(bye)
    ladder.a.hears(481)
    stranger = ladder.a.in_dialog("BYE", answered)
    stranger.headers.set("From", "<sip:a@10.1.1.1>;tag=another")
    ladder.a.sends(stranger)
    ladder.a.hears(481)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


@pytest.mark.parametrize("method", ["REFER", "SUBSCRIBE", "NOTIFY", "PRACK", "FOO"])
def test_method_that_is_not_served(method: str) -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog(method, answered))
    assert "INFO" in (ladder.a.hears_response(405).headers.get("Allow") or "")
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_cseq_out_of_order() -> None:
    """RFC 3261 12.2.2: lower than the last is an error; jumps are none."""
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("OPTIONS", answered, cseq=1000))
    ladder.a.hears(200)
    ladder.a.sends(ladder.a.in_dialog("BYE", answered, cseq=999))
    ladder.a.hears(500)
    ladder.a.sends(ladder.a.in_dialog("BYE", answered, cseq=1001))
    ladder.a.hears(200)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_cseq_zero() -> None:
    """ALG failure 11: 0 is a number."""
    ladder = Ladder()
    ladder.a.cseq = -1
    answered, offered = ladder.connects()
    assert answered.cseq.number == 0
    ladder.b.sends(ladder.b.in_dialog("OPTIONS", offered, cseq=0))
    ladder.b.hears(200)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_ack_of_nothing() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.acks(answered)
    ladder.a.sends(ladder.a.in_dialog("ACK", answered, cseq=77))
    ladder.hears_nothing_more()
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_extension_that_a_request_insists_on() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("INFO", answered, headers=[("Require", "100rel, foo")]))
    assert ladder.a.hears_response(420).headers.get("Unsupported") == "100rel, foo"
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()
