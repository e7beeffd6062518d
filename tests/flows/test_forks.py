"""One INVITE and several answers: forks behind a trunk, and a user's phones that ring together (RFC 3261 13.2.2.4)."""

from b2bua.sip.hop import Hop
from b2bua.sip.message import Request
from tests.flows.ladder import ANSWER, Ladder, Party


def offered(ladder: Ladder) -> Request:
    """B is offered a call."""
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    return ladder.b.hears_request("INVITE")


def test_second_answer_is_acknowledged_and_left() -> None:
    ladder = Ladder()
    invite = offered(ladder)
    ladder.b.answers(invite, 180, tag="fork1")
    ladder.a.hears(180)
    ladder.b.answers(invite, 180, tag="fork2")
    ladder.a.hears(180)
    ladder.b.answers(invite, 200, ANSWER)
    ladder.b.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.b.answers(invite, 200, ANSWER, tag="fork2")
    ack = ladder.b.hears_request("ACK")
    assert ack.to.tag == "fork2"
    assert ack.cseq.number == invite.cseq.number
    assert ladder.b.is_hung_up().to.tag == "fork2"
    ladder.a.hangs_up(answered)
    assert ladder.b.is_hung_up().to.tag == "b-tag"
    ladder.is_over()


def test_forks_are_left_with_one_bye_each() -> None:
    ladder = Ladder()
    invite = offered(ladder)
    ladder.b.answers(invite, 200, ANSWER)
    ladder.b.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    for fork in ("fork2", "fork3"):
        answer = ladder.b.answers(invite, 200, ANSWER, tag=fork)
        ladder.b.hears("ACK")
        bye = ladder.b.hears_request("BYE")
        assert bye.to.tag == fork
        ladder.b.sends(answer)
        ladder.b.hears("ACK")
        ladder.b.answers(bye, 200)
    assert len(ladder.calls) == 1
    assert ladder.engine.core.admission.load("right").calls_out == 1
    ladder.a.hangs_up(answered)
    assert ladder.b.is_hung_up().to.tag == "b-tag"
    ladder.is_over()


def test_forks_of_an_unwanted_answer() -> None:
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    asked = ladder.b.hears_request("INVITE")
    ladder.b.answers(asked, 180)
    ladder.a.hears(180)
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))
    ladder.b.answers(ladder.b.hears_request("CANCEL"), 200)
    for fork in ("fork1", "fork2"):
        ladder.b.answers(asked, 200, ANSWER, tag=fork)
        ladder.b.hears("ACK")
        ladder.b.is_hung_up()
    ladder.is_over()


def test_bye_to_a_fork_is_never_answered() -> None:
    ladder = Ladder()
    answered, invite = ladder.connects()
    ladder.b.answers(invite, 200, ANSWER, tag="fork2")
    ladder.b.hears("ACK")
    ladder.passes(33)
    ladder.b.heard.clear()
    assert len(ladder.calls) == 1
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_flood_of_forks_is_bounded() -> None:
    ladder = Ladder()
    answered, invite = ladder.connects()
    for number in range(100):
        ladder.b.answers(invite, 200, ANSWER, tag=f"fork{number}")
    assert len(ladder.b.heard) == 32
    ladder.passes(33)
    ladder.b.heard.clear()
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


# Phones that ring together


def with_phones(ladder: Ladder) -> list[Party]:
    """Three phones of bob."""
    phones = [ladder.party(f"bob{number}", f"10.4.4.{number}") for number in range(3)]
    for number, phone in enumerate(phones):
        register = phone.request(
            "REGISTER", "sip:192.0.2.1", to="<sip:bob@192.0.2.1>", headers=[("Expires", "3600")], from_user="bob"
        )
        hop = Hop("UDP", f"10.4.4.{number}", 5060, 0, "udp")
        ladder.engine.registrar.register(register, hop, "bob", ladder.now)
    return phones


def rings(ladder: Ladder) -> tuple[list[Party], list[Request], Request]:
    """All three phones ring."""
    phones = with_phones(ladder)
    invite = ladder.a.sends_invite("bob")
    ladder.a.hears(100)
    asked = [phone.hears_request("INVITE") for phone in phones]
    assert len({each.call_id for each in asked}) == 3
    for phone, each in zip(phones, asked, strict=True):
        phone.answers(each, 180)
        ladder.a.hears(180)
    return phones, asked, invite


def test_one_phone_answers() -> None:
    ladder = Ladder()
    phones, asked, _ = rings(ladder)
    phones[1].answers(asked[1], 200, ANSWER)
    phones[1].hears("ACK")
    phones[0].is_cancelled(asked[0])
    phones[2].is_cancelled(asked[2])
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    assert ladder.engine.core.admission.load("phones").calls_out == 1
    phones[1].hangs_up(asked[1])
    ladder.a.is_hung_up()
    ladder.is_over()


def test_two_phones_answer_at_once() -> None:
    ladder = Ladder()
    phones, asked, _ = rings(ladder)
    phones[1].answers(asked[1], 200, ANSWER)
    phones[1].hears("ACK")
    phones[0].answers(phones[0].hears_request("CANCEL"), 200)
    phones[0].answers(asked[0], 200, ANSWER)
    phones[0].hears("ACK")
    phones[0].is_hung_up()
    phones[2].is_cancelled(asked[2])
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    phones[1].is_hung_up()
    ladder.is_over()


def test_one_phone_declines() -> None:
    """RFC 3261 21.6: 6xx is for all of them."""
    ladder = Ladder()
    phones, asked, _ = rings(ladder)
    phones[1].answers(asked[1], 603)
    phones[1].hears("ACK")
    phones[0].is_cancelled(asked[0])
    phones[2].is_cancelled(asked[2])
    ladder.a.acks_failure(ladder.a.hears_response(603))
    ladder.is_over()


def test_one_phone_is_busy_and_another_answers() -> None:
    ladder = Ladder()
    phones, asked, _ = rings(ladder)
    phones[0].answers(asked[0], 486)
    phones[0].hears("ACK")
    phones[2].answers(asked[2], 200, ANSWER)
    phones[2].hears("ACK")
    phones[1].is_cancelled(asked[1])
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    phones[2].is_hung_up()
    ladder.is_over()


def test_silent_phone_does_not_end_the_answered_call() -> None:
    ladder = Ladder()
    phones = with_phones(ladder)
    ladder.a.sends_invite("bob")
    ladder.a.hears(100)
    asked = [phone.hears_request("INVITE") for phone in phones]
    phones[0].answers(asked[0], 200, ANSWER)
    phones[0].hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.passes(40)
    assert len(ladder.calls) == 1
    for silent in phones[1:]:
        assert {each.method for each in silent.heard if isinstance(each, Request)} == {"INVITE"}
        silent.heard.clear()
    assert ladder.engine.core.admission.load("phones").calls_out == 1
    ladder.a.hangs_up(answered)
    phones[0].is_hung_up()
    ladder.is_over()


def test_silent_phone_after_the_caller_has_given_up() -> None:
    ladder = Ladder()
    phones = with_phones(ladder)
    invite = ladder.a.sends_invite("bob", b"")
    ladder.a.hears(100)
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))
    ladder.passes(33)
    for phone in phones:
        phone.heard.clear()
    ladder.is_over()


def test_caller_gives_up() -> None:
    ladder = Ladder()
    phones, asked, invite = rings(ladder)
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))
    for phone, each in zip(phones, asked, strict=True):
        phone.is_cancelled(each)
    ladder.is_over()


def test_early_media_of_several_phones_is_not_mixed() -> None:
    ladder = Ladder()
    phones, asked, _ = rings(ladder)
    phones[0].answers(asked[0], 183, ANSWER)
    assert ladder.a.hears_response(183).body == b""
    for phone, each in zip(phones, asked, strict=True):
        phone.answers(each, 486)
        phone.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(486))
    ladder.is_over()
