"""Provisional responses: with SDP and without, several, early media, too late (RFC 3665 3.1, RFC 3960)."""

from b2bua.sip.message import Request
from tests.flows.ladder import ANSWER, Ladder, relayed


def calls(ladder: Ladder) -> Request:
    """B is offered a call."""
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_works()
    return ladder.b.hears_request("INVITE")


def is_busy(ladder: Ladder, offered: Request) -> None:
    ladder.b.answers(offered, 486)
    ladder.b.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(486))
    ladder.relay_works()
    ladder.is_over()


def test_early_media_past_us() -> None:
    ladder = Ladder()
    offered = calls(ladder)
    ladder.b.answers(offered, 183, ANSWER)
    progress = ladder.a.hears_response(183)
    assert b"m=audio 3456" in progress.body
    assert b"10.2.2.2" not in progress.body.splitlines()[1]
    is_busy(ladder, offered)


def test_early_media_through_the_relay() -> None:
    ladder = Ladder(relayed())
    offered = calls(ladder)
    ladder.b.answers(offered, 183, ANSWER)
    ladder.relay_is_asked("answer")
    ladder.hears_nothing_more()
    ladder.relay_works()
    early = ladder.a.hears_response(183)
    assert b"10.2.2.2" not in early.body
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    ladder.relay_works()
    answered = ladder.a.hears_response(200)
    assert answered.body == early.body, "the same answer again"
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_relay_cannot_do_early_media() -> None:
    """Then A makes its own ringing tone."""
    ladder = Ladder(relayed())
    offered = calls(ladder)
    ladder.b.answers(offered, 183, ANSWER)
    ladder.relay_says(error="unusable SDP: no support")
    assert ladder.a.hears_response(183).body == b""
    is_busy(ladder, offered)


def test_the_answer_overtakes_early_media_at_the_relay() -> None:
    ladder = Ladder(relayed())
    offered = calls(ladder)
    ladder.b.answers(offered, 183, ANSWER)
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    ladder.relay_works()
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_several() -> None:
    ladder = Ladder()
    offered = calls(ladder)
    for status in (180, 182, 183, 181, 199):
        ladder.b.answers(offered, status)
        heard = ladder.a.hears_response(status)
        assert heard.to.tag == f"{ladder.calls[0].id}-a"
        assert heard.contact is not None
    is_busy(ladder, offered)


def test_after_the_answer() -> None:
    ladder = Ladder()
    answered, offered = ladder.connects()
    ladder.b.answers(offered, 180)
    ladder.b.answers(offered, 183, ANSWER)
    ladder.hears_nothing_more()
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_after_the_caller_has_given_up() -> None:
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 100)
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))
    ladder.b.answers(offered, 180)
    ladder.b.is_cancelled(offered)
    ladder.is_over()


def test_body_that_is_no_sdp_stays_behind() -> None:
    ladder = Ladder()
    offered = calls(ladder)
    ladder.b.answers(offered, 183, b"\x01\x10 ISUP")
    assert ladder.a.hears_response(183).body == b""
    is_busy(ladder, offered)


def test_answer_without_sdp_after_early_media() -> None:
    """RFC 3261 13.2.1 wants it again in the 2xx; gateways leave it out."""
    ladder = Ladder()
    offered = calls(ladder)
    ladder.b.answers(offered, 183, ANSWER)
    early = ladder.a.hears_response(183)
    ladder.b.answers(offered, 200)
    ladder.b.hears("ACK")
    answered = ladder.a.hears_response(200)
    assert answered.body == early.body
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_rings_for_too_long() -> None:
    """RFC 3665 3.9, with our patience instead of the caller's."""
    ladder = Ladder()
    offered = calls(ladder)
    ladder.b.answers(offered, 180)
    ladder.a.hears(180)
    ladder.passes(180.1)
    ladder.a.acks_failure(ladder.a.hears_response(480))
    ladder.b.is_cancelled(offered)
    ladder.is_over()


def test_answer_without_any_sdp() -> None:
    ladder = Ladder()
    offered = calls(ladder)
    ladder.b.answers(offered, 200)
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.a.acks_failure(ladder.a.hears_response(502))
    ladder.is_over()
