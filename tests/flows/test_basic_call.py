"""The plain call, RFC 3665 3.1, and who may end it."""

from tests.flows.ladder import ANSWER, Ladder


def test_call_is_set_up_and_ended_by_the_caller() -> None:
    ladder = Ladder()
    a, b = ladder.a, ladder.b

    a.sends_invite("2000")
    a.hears(100)
    offered = b.hears_request("INVITE")
    assert b"10.1.1.1 " not in offered.body.split(b"\r\n")[1], "A's origin is hidden"
    b.answers(offered, 100)
    b.answers(offered, 180)
    a.hears(180)
    b.answers(offered, 200, ANSWER)
    b.hears("ACK")
    answer = a.hears_response(200)
    a.acks(answer)

    a.hangs_up(answer)
    b.is_hung_up()
    ladder.is_over()
    (record,) = ladder.records
    assert (record.caller, record.called, record.status, record.ended_by) == ("a", "2000", 200, "a")


def test_callee_ends_the_call() -> None:
    ladder = Ladder()
    answered, offered = ladder.connects()

    bye = ladder.b.in_dialog("BYE", offered, headers=[("Reason", 'Q.850;cause=16;text="Terminated"')])
    ladder.b.sends(bye)
    ladder.b.hears(200)
    heard = ladder.a.is_hung_up()
    assert heard.headers.get("Reason") == 'Q.850;cause=16;text="Terminated"'
    assert heard.to.tag == answered.from_.tag
    ladder.is_over()
    assert ladder.records[0].ended_by == "b"


def test_operator_ends_the_call() -> None:
    ladder = Ladder()
    ladder.connects()

    assert ladder.engine.hang_up(ladder.calls[0].id, ladder.now)
    ladder.a.is_hung_up()
    ladder.b.is_hung_up()
    ladder.is_over()
    assert not ladder.engine.hang_up("nobody", ladder.now)
    assert ladder.records[0].ended_by == "pinhole"


def test_operator_ends_a_call_that_rings() -> None:
    ladder = Ladder()
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 180)
    ladder.a.hears(180)

    assert ladder.engine.hang_up(ladder.calls[0].id, ladder.now)
    ladder.a.acks_failure(ladder.a.hears_response(480))
    ladder.b.is_cancelled(offered)
    ladder.is_over()


def test_new_offer_crosses_as_it_is_but_for_the_origin() -> None:
    ladder = Ladder()
    answered, offered = ladder.connects()

    assert b"m=audio 49172 RTP/AVP 0\r\n" in offered.body
    assert b"m=audio 3456 RTP/AVP 0\r\n" in answered.body
    assert offered.headers.get("Max-Forwards") == "69"
    assert offered.from_.uri == "sip:a@192.0.2.1"
    assert offered.uri == "sip:2000@10.2.2.2:5060"


def test_answer_is_lost_and_comes_again() -> None:
    """RFC 3261 13.3.1.4: on both sides the 2xx is repeated until it is acknowledged."""
    ladder = Ladder()
    a, b = ladder.a, ladder.b
    a.sends_invite("2000")
    a.hears(100)
    offered = b.hears_request("INVITE")
    answer = b.answers(offered, 200, ANSWER)
    first = b.hears_request("ACK")
    b.sends(answer)
    assert b.hears_request("ACK").to_bytes() == first.to_bytes()

    once = a.hears_response(200)
    ladder.passes(0.6)
    again = a.hears_response(200)
    assert again.to_bytes() == once.to_bytes()
    a.acks(again)
    ladder.passes(40)
    b.sends(b.in_dialog("BYE", offered))
    b.hears(200)
    a.is_hung_up()
    ladder.is_over()


def test_invite_is_repeated_and_makes_one_call() -> None:
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.b.hears("INVITE")
    ladder.a.sends(invite)
    ladder.a.hears(100)
    ladder.hears_nothing_more()
    assert len(ladder.calls) == 1
