"""INVITE without SDP: B makes the offer in its 2xx, A answers in its ACK (RFC 3261 13.2.1)."""

from b2bua.sip.message import Request, Response
from tests.flows.ladder import ANSWER, OFFER, Ladder, config, relayed, trunk


def offered_late(ladder: Ladder) -> tuple[Response, Request]:
    """A has got B's offer in 200 and owes the answer."""
    a, b = ladder.a, ladder.b
    a.sends_invite("2000", b"")
    a.hears(100)
    invite = b.hears_request("INVITE")
    assert invite.body == b""
    b.answers(invite, 200, OFFER)
    ladder.relay_works()
    return a.hears_response(200), invite


def test_offer_and_answer_cross() -> None:
    ladder = Ladder()
    answered, _ = offered_late(ladder)
    assert b"m=audio 49172" in answered.body
    ladder.hears_nothing_more()
    ladder.a.acks(answered, ANSWER)
    ack = ladder.b.hears_request("ACK")
    assert b"m=audio 3456" in ack.body
    assert b"10.2.2.2" not in ack.body.splitlines()[1]
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_through_the_relay() -> None:
    ladder = Ladder(relayed())
    answered, _ = offered_late(ladder)
    ladder.a.acks(answered, ANSWER)
    ladder.hears_nothing_more()
    ladder.relay_works()
    assert b"10.2.2.2" not in ladder.b.hears_request("ACK").body
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_answer_comes_again_before_the_ack() -> None:
    """There is no ACK yet that could be repeated."""
    ladder = Ladder()
    answered, invite = offered_late(ladder)
    ladder.b.answers(invite, 200, OFFER)
    ladder.hears_nothing_more()
    ladder.a.acks(answered, ANSWER)
    first = ladder.b.hears_request("ACK")
    ladder.b.answers(invite, 200, OFFER)
    assert ladder.b.hears_request("ACK").to_bytes() == first.to_bytes()
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_ack_never_comes() -> None:
    """B's 2xx is acknowledged all the same, and left with BYE (RFC 3261 13.2.2.4)."""
    ladder = Ladder()
    offered_late(ladder)
    ladder.passes(32.1)
    bye = ladder.a.heard.pop()
    assert isinstance(bye, Request)
    ladder.a.heard.clear()
    ladder.a.answers(bye, 200)
    assert ladder.b.hears_request("ACK").body == b""
    ladder.b.is_hung_up()
    ladder.is_over()


def test_ack_without_an_answer() -> None:
    ladder = Ladder()
    answered, _ = offered_late(ladder)
    ladder.a.acks(answered)
    ladder.b.hears("ACK")
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_answer_that_is_no_sdp() -> None:
    ladder = Ladder()
    answered, _ = offered_late(ladder)
    ladder.a.acks(answered, b"rubbish")
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.a.is_hung_up()
    ladder.is_over()


def test_relay_fails_with_the_answer() -> None:
    ladder = Ladder(relayed())
    answered, _ = offered_late(ladder)
    ladder.a.acks(answered, ANSWER)
    ladder.relay_is_silent()
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.a.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_relay_fails_with_the_offer() -> None:
    ladder = Ladder(relayed())
    ladder.a.sends_invite("2000", b"")
    ladder.a.hears(100)
    ladder.b.answers(ladder.b.hears_request("INVITE"), 200, OFFER)
    ladder.relay_is_silent()
    failure = ladder.a.hears_response(503)
    assert failure.headers.get("Retry-After") == "5"
    ladder.a.acks_failure(failure)
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_call_ends_while_the_relay_has_the_answer() -> None:
    ladder = Ladder(relayed())
    answered, _ = offered_late(ladder)
    ladder.a.acks(answered, ANSWER)
    ladder.a.hangs_up(answered)
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_offer_that_is_no_sdp() -> None:
    ladder = Ladder()
    ladder.a.sends_invite("2000", b"")
    ladder.a.hears(100)
    ladder.b.answers(ladder.b.hears_request("INVITE"), 200, b"rubbish")
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.a.acks_failure(ladder.a.hears_response(502))
    ladder.is_over()


def test_trunks_codecs_hold_for_the_offer_of_the_callee_too() -> None:
    trunks = {
        "left": trunk("left", "10.1.1.1"),
        "right": trunk("right", "10.2.2.2", codecs=("PCMA",)),
        "spare": trunk("spare", "10.3.3.3"),
    }
    ladder = Ladder(config(trunks=trunks))
    ladder.a.sends_invite("2000", b"")
    ladder.a.hears(100)
    both = OFFER.replace(b"RTP/AVP 0\r\n", b"RTP/AVP 0 8\r\n") + b"a=rtpmap:8 PCMA/8000\r\n"
    ladder.b.answers(ladder.b.hears_request("INVITE"), 200, both)
    answered = ladder.a.hears_response(200)
    assert b"RTP/AVP 8\r\n" in answered.body
    ladder.a.acks(answered, ANSWER)
    ladder.b.hears("ACK")
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()
