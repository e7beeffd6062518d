"""The plain call, RFC 3665 3.1, and who may end it."""

from flows.ladder import ANSWER, Ladder


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

    a.sends(a.in_dialog("BYE", answer))
    a.hears(200)
    b.answers(b.hears_request("BYE"), 200)
    ladder.is_over()
    (record,) = ladder.records
    assert (record.caller, record.called, record.status, record.ended_by) == ("a", "2000", 200, "a")
