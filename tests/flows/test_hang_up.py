"""BYE at odd moments: crossing, before the ACK, before the answer, never answered (RFC 3261 15)."""

from b2bua.sip.message import Request, Response
from tests.flows.ladder import ANSWER, Ladder, relayed


def answered_without_ack(ladder: Ladder) -> tuple[Response, Request]:
    """A has got 200 and has not acknowledged it."""
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    return ladder.a.hears_response(200), offered


def test_both_hang_up_at_once() -> None:
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    answered, offered = ladder.connects()
    a.sends(a.in_dialog("BYE", answered))
    a.hears(200)
    b.sends(b.in_dialog("BYE", offered))
    crossed = b.hears_request("BYE")
    b.hears(200)
    b.answers(crossed, 200)
    ladder.is_over()


def test_bye_is_refused_by_who_has_left_already() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.hangs_up(answered)
    ladder.b.answers(ladder.b.hears_request("BYE"), 481)
    ladder.is_over()


def test_bye_is_never_answered() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.hangs_up(answered)
    ladder.passes(33)
    assert all(isinstance(each, Request) and each.method == "BYE" for each in ladder.b.heard)
    ladder.b.heard.clear()
    ladder.is_over()


def test_callee_hangs_up_before_the_caller_has_acknowledged() -> None:
    """RFC 3261 15: we may not say BYE to A before its ACK."""
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    answered, offered = answered_without_ack(ladder)
    b.sends(b.in_dialog("BYE", offered))
    b.hears(200)
    ladder.hears_nothing_more()
    a.acks(answered)
    a.is_hung_up()
    ladder.is_over()


def test_callee_hangs_up_and_the_caller_never_acknowledges() -> None:
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    _, offered = answered_without_ack(ladder)
    b.sends(b.in_dialog("BYE", offered))
    b.hears(200)
    ladder.passes(32.1)
    repeated = list(a.heard)
    assert all(isinstance(each, Response) and each.status == 200 for each in repeated[:-1])
    a.heard.clear()
    a.answers(repeated[-1], 200)  # type: ignore[arg-type]  # the BYE
    ladder.is_over()


def test_caller_never_acknowledges() -> None:
    """RFC 3261 13.3.1.4."""
    ladder = Ladder()
    answered_without_ack(ladder)
    ladder.passes(32.1)
    bye = ladder.a.heard.pop()
    assert isinstance(bye, Request)
    ladder.a.heard.clear()
    ladder.a.answers(bye, 200)
    ladder.b.is_hung_up()
    ladder.is_over()
    assert ladder.records[0].reason == "ACK Timeout"


def test_caller_hangs_up_and_its_ack_is_lost() -> None:
    ladder = Ladder()
    answered, _ = answered_without_ack(ladder)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_caller_leaves_the_early_dialog_with_bye() -> None:
    """RFC 3261 15: allowed to the caller, unusual."""
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    a.sends_invite("2000")
    a.hears(100)
    offered = b.hears_request("INVITE")
    b.answers(offered, 180)
    ringing = a.hears_response(180)
    a.sends(a.in_dialog("BYE", ringing))
    a.hears(200)
    a.acks_failure(a.hears_response(487))
    b.is_cancelled(offered)
    ladder.is_over()


def test_callee_may_not_leave_the_early_dialog_with_bye() -> None:
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    a.sends_invite("2000")
    a.hears(100)
    offered = b.hears_request("INVITE")
    b.answers(offered, 180)
    a.hears(180)
    b.sends(b.in_dialog("BYE", offered))
    b.hears(481)
    b.answers(offered, 486)
    b.hears("ACK")
    a.acks_failure(a.hears_response(486))
    ladder.is_over()


def test_callee_hangs_up_while_the_relay_is_asked() -> None:
    """B has answered, A does not know yet: to A nobody was there."""
    ladder = Ladder(relayed())
    a, b = ladder.a, ladder.b
    a.sends_invite("2000")
    a.hears(100)
    ladder.relay_works()
    offered = b.hears_request("INVITE")
    b.answers(offered, 200, ANSWER)
    b.hears("ACK")
    b.sends(b.in_dialog("BYE", offered))
    b.hears(200)
    a.acks_failure(a.hears_response(480))
    ladder.relay_works()
    ladder.is_over()


def test_bye_of_a_call_that_is_over() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.a.sends(ladder.a.in_dialog("BYE", answered))
    ladder.a.hears(481)
    ladder.is_over()


def test_bye_cannot_be_sent() -> None:
    ladder = Ladder()
    answered, _ = ladder.connects()
    ladder.unreachable.add("10.2.2.2")
    ladder.a.hangs_up(answered)
    ladder.transport_fails()
    ladder.is_over()


def test_ack_before_the_answer() -> None:
    """It acknowledges nothing; the one after the answer counts."""
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    a.sends_invite("2000")
    a.hears(100)
    offered = b.hears_request("INVITE")
    b.answers(offered, 180)
    a.acks(a.hears_response(180))
    b.answers(offered, 200, ANSWER)
    b.hears("ACK")
    answered = a.hears_response(200)
    a.acks(answered)
    ladder.passes(60)
    a.hangs_up(answered)
    b.is_hung_up()
    ladder.is_over()
