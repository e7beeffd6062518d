"""Trunks that want to know who we are (RFC 3261 22.2, RFC 3665 3.3)."""

import pytest

from b2bua.sip.message import Request
from tests.flows.ladder import ANSWER, HELD, Ladder, config, trunk

CHALLENGE = 'Digest realm="carrier", nonce="abc", qop="auth", algorithm=MD5'


def with_credentials() -> Ladder:
    """Trunk ``right`` has an account."""
    return Ladder(
        config(
            trunks={
                "left": trunk("left", "10.1.1.1"),
                "right": trunk("right", "10.2.2.2", username="us", password="secret"),
                "spare": trunk("spare", "10.3.3.3"),
            }
        )
    )


def challenge(status: int, value: str = CHALLENGE) -> list[tuple[str, str]]:
    """The header of a challenge."""
    return [("Proxy-Authenticate" if status == 407 else "WWW-Authenticate", value)]


def offered(ladder: Ladder) -> Request:
    """B is offered a call."""
    ladder.a.sends_invite("2000", headers=[("Subject", "lunch")])
    ladder.a.hears(100)
    return ladder.b.hears_request("INVITE")


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_answered(status: int, header: str) -> None:
    ladder = with_credentials()
    first = offered(ladder)
    ladder.b.answers(first, status, headers=challenge(status))
    ladder.b.hears("ACK")
    again = ladder.b.hears_request("INVITE")
    assert again.cseq.number == first.cseq.number + 1
    assert again.call_id == first.call_id
    assert again.top_via.branch != first.top_via.branch
    assert again.to.tag == ""
    assert again.body == first.body
    assert again.headers.get("Subject") == "lunch"
    assert again.headers.get("Max-Forwards") == "69"
    credentials = again.headers.get(header)
    assert credentials is not None
    assert 'username="us"' in credentials

    ladder.b.answers(again, 200, ANSWER)
    ack = ladder.b.hears_request("ACK")
    assert ack.headers.get(header) == credentials, "RFC 3261 22.1"
    assert ack.cseq.number == again.cseq.number
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_credentials_are_wrong() -> None:
    """A second challenge is a failure; the spare trunk is tried, without them."""
    ladder = with_credentials()
    ladder.b.answers(offered(ladder), 407, headers=challenge(407))
    ladder.b.hears("ACK")
    ladder.b.answers(ladder.b.hears_request("INVITE"), 407, headers=challenge(407))
    ladder.b.hears("ACK")
    second = ladder.c.hears_request("INVITE")
    assert "Proxy-Authorization" not in second.headers
    ladder.c.answers(second, 401, headers=challenge(401))
    ladder.c.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(500))
    ladder.is_over()


@pytest.mark.parametrize(
    "value", ["Basic realm=x", "Digest", "Digest realm=", 'Digest realm="x", algorithm=FOO, nonce="1"']
)
def test_challenge_that_nobody_understands(value: str) -> None:
    ladder = with_credentials()
    ladder.b.answers(offered(ladder), 401, headers=challenge(401, value))
    ladder.b.hears("ACK")
    ladder.c.answers(ladder.c.hears_request("INVITE"), 486)
    ladder.c.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(486))
    ladder.is_over()


def test_challenge_without_a_header() -> None:
    ladder = with_credentials()
    ladder.b.answers(offered(ladder), 401)
    ladder.b.hears("ACK")
    ladder.c.answers(ladder.c.hears_request("INVITE"), 486)
    ladder.c.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(486))
    ladder.is_over()


def test_caller_gives_up_meanwhile() -> None:
    ladder = with_credentials()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    first = ladder.b.hears_request("INVITE")
    ladder.b.answers(first, 100)
    ladder.a.cancels(invite)
    ladder.a.hears(200)
    ladder.a.acks_failure(ladder.a.hears_response(487))
    ladder.b.answers(ladder.b.hears_request("CANCEL"), 200)
    ladder.b.answers(first, 407, headers=challenge(407))
    ladder.b.hears("ACK")
    ladder.is_over()


def test_reinvite_and_bye() -> None:
    ladder = with_credentials()
    answered, _ = ladder.connects()
    ladder.a.sends(ladder.a.in_dialog("INVITE", answered, HELD))
    ladder.a.hears(100)
    ladder.b.answers(ladder.b.hears_request("INVITE"), 407, headers=challenge(407))
    ladder.b.hears("ACK")
    again = ladder.b.hears_request("INVITE")
    assert b"a=sendonly" in again.body
    assert "Proxy-Authorization" in again.headers
    ladder.b.answers(again, 200, ANSWER)
    ack = ladder.b.hears_request("ACK")
    assert ack.cseq.number == again.cseq.number
    ladder.a.acks(ladder.a.hears_response(200))

    ladder.a.hangs_up(answered)
    ladder.b.answers(ladder.b.hears_request("BYE"), 401, headers=challenge(401))
    bye = ladder.b.is_hung_up()
    assert "Authorization" in bye.headers
    ladder.is_over()


def test_bye_is_challenged_for_ever() -> None:
    ladder = with_credentials()
    answered, _ = ladder.connects()
    ladder.a.hangs_up(answered)
    for _ in range(2):
        ladder.b.answers(ladder.b.hears_request("BYE"), 401, headers=challenge(401))
    ladder.is_over()
