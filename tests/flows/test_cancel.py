"""CANCEL at every moment of the set-up (RFC 3261 9, RFC 3665 3.8)."""

from b2bua.sip.message import Request
from tests.flows.ladder import ANSWER, Ladder, relayed


def ringing(ladder: Ladder) -> tuple[Request, Request]:
    """A has heard 180: its INVITE, and B's."""
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 180)
    ladder.a.hears(180)
    return invite, offered


def gives_up(ladder: Ladder, invite: Request) -> None:
    """A cancels and is told that it worked."""
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))


def test_after_ringing() -> None:
    ladder = Ladder()
    invite, offered = ringing(ladder)
    gives_up(ladder, invite)
    cancel = ladder.b.is_cancelled(offered)
    assert cancel.top_via.branch == offered.top_via.branch
    ladder.is_over()
    assert (ladder.records[0].status, ladder.records[0].ended_by) == (487, "a")


def test_reason_crosses() -> None:
    ladder = Ladder()
    invite, offered = ringing(ladder)
    ladder.a.cancels(invite, headers=[("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))
    assert ladder.b.is_cancelled(offered).headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    ladder.is_over()


def test_before_the_callee_has_said_anything() -> None:
    """RFC 3261 9.1: no CANCEL before the first provisional response."""
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    gives_up(ladder, invite)
    ladder.hears_nothing_more()
    ladder.b.answers(offered, 100)
    ladder.b.is_cancelled(offered)
    ladder.is_over()


def test_the_callee_never_says_anything() -> None:
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    gives_up(ladder, invite)
    ladder.passes(33)
    assert {each.method for each in ladder.b.heard if isinstance(each, Request)} == {"INVITE"}
    ladder.b.heard.clear()
    ladder.is_over()


def test_the_callee_never_answers_the_cancel() -> None:
    ladder = Ladder()
    invite, _ = ringing(ladder)
    gives_up(ladder, invite)
    ladder.passes(33)
    assert {each.method for each in ladder.b.heard if isinstance(each, Request)} == {"CANCEL"}
    ladder.b.heard.clear()
    ladder.is_over()


def test_crossing_with_the_answer_of_the_callee() -> None:
    ladder = Ladder()
    invite, offered = ringing(ladder)
    gives_up(ladder, invite)
    cancel = ladder.b.hears_request("CANCEL")
    answer = ladder.b.answers(offered, 200, ANSWER)
    ladder.b.answers(cancel, 200)
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    ladder.b.sends(answer)
    ladder.b.hears("ACK")
    ladder.is_over()


def test_crossing_with_our_answer() -> None:
    """RFC 3261 9.2: too late, the 200 stands."""
    ladder = Ladder()
    invite, offered = ringing(ladder)
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    ladder.a.cancels(invite)
    answered = ladder.a.hears_response(200)
    ladder.a.hears(200)
    ladder.a.acks(answered)
    assert len(ladder.calls) == 1
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_twice() -> None:
    ladder = Ladder()
    invite, offered = ringing(ladder)
    gives_up(ladder, invite)
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.b.is_cancelled(offered)
    ladder.is_over()


def test_while_the_relay_is_asked_for_the_offer() -> None:
    ladder = Ladder(relayed())
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_is_asked("offer")
    gives_up(ladder, invite)
    ladder.relay_works()
    ladder.is_over()


def test_the_relay_hears_of_the_end_before_the_offer() -> None:
    """Datagrams overtake each other; what the late offer has opened is closed."""
    ladder = Ladder(relayed())
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    gives_up(ladder, invite)
    ladder.relay_commands.reverse()
    ladder.relay_works()
    ladder.is_over()


def test_while_the_relay_is_asked_for_the_answer() -> None:
    ladder = Ladder(relayed())
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_works()
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    ladder.relay_is_asked("answer")
    gives_up(ladder, invite)
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


def test_while_the_relay_is_asked_for_early_media() -> None:
    ladder = Ladder(relayed())
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_works()
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 183, ANSWER)
    ladder.relay_is_asked("answer")
    gives_up(ladder, invite)
    ladder.b.is_cancelled(offered)
    ladder.relay_works()
    ladder.is_over()


def test_of_nothing() -> None:
    ladder = Ladder()
    invite = ladder.a.request("INVITE", "sip:2000@192.0.2.1")
    ladder.a.cancels(invite)
    ladder.a.hears(481)
    ladder.is_over()


def test_while_the_next_trunk_is_tried() -> None:
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 500)
    ladder.b.hears("ACK")
    second = ladder.c.hears_request("INVITE")
    ladder.c.answers(second, 180)
    ladder.a.hears(180)
    gives_up(ladder, invite)
    ladder.c.is_cancelled(second)
    ladder.is_over()
