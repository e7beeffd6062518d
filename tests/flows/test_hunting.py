"""Targets that fail: the next host, the next trunk, or the caller is told (RFC 3665 3.3 to 3.6, 3.9)."""

import pytest

from b2bua.config import TrunkHost
from b2bua.sip.message import Request
from tests.flows.ladder import ANSWER, OFFER, Ladder, Party, config, relayed, trunk


def offered(ladder: Ladder) -> Request:
    """B is offered a call."""
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_works()
    return ladder.b.hears_request("INVITE")


def talks_and_ends(ladder: Ladder, callee: Party, invite: Request) -> None:
    """``callee`` answers, A hangs up."""
    callee.answers(invite, 200, ANSWER)
    callee.hears("ACK")
    ladder.relay_works()
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    callee.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


@pytest.mark.parametrize(
    "status", [400, 402, 404, 405, 406, 410, 413, 414, 415, 416, 420, 421, 423, 482, 483, 484, 485, 486, 487, 488, 493]
)
def test_the_callee_refuses(status: int) -> None:
    """The user or the number is the reason: no other trunk is asked."""
    ladder = Ladder()
    invite = offered(ladder)
    ladder.b.answers(invite, status)
    ladder.b.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(status))
    ladder.is_over()
    assert (ladder.records[0].status, ladder.records[0].ended_by) == (status, "b")


@pytest.mark.parametrize("status", [300, 301, 302, 305, 380, 401, 403, 407, 408, 480, 500, 501, 502, 503, 504, 580])
def test_the_trunk_fails_and_the_spare_one_answers(status: int) -> None:
    ladder = Ladder()
    invite = offered(ladder)
    ladder.b.answers(invite, status, headers=[("Contact", "<sip:elsewhere@10.2.2.99>")])
    ladder.b.hears("ACK")
    talks_and_ends(ladder, ladder.c, ladder.c.hears_request("INVITE"))
    assert ladder.records[0].trunk_out == "spare"


@pytest.mark.parametrize(
    ("status", "told"),
    [(302, 480), (401, 500), (407, 500), (403, 403), (408, 408), (480, 480), (500, 500), (503, 500), (504, 504)],
)
def test_every_trunk_fails(status: int, told: int) -> None:
    """A never sees our redirections and challenges; a 503 of B says nothing about us (RFC 3261 16.7, step 6)."""
    ladder = Ladder()
    invite = offered(ladder)
    for party in (ladder.b, ladder.c):
        party.answers(invite if party is ladder.b else party.hears_request("INVITE"), status)
        party.hears("ACK")
    failure = ladder.a.hears_response(told)
    assert failure.contact is None
    ladder.a.acks_failure(failure)
    ladder.is_over()


@pytest.mark.parametrize("status", [600, 603, 604, 606])
def test_final_word(status: int) -> None:
    """RFC 3261 21.6: nobody else is asked."""
    ladder = Ladder()
    invite = offered(ladder)
    ladder.b.answers(invite, status)
    ladder.b.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(status))
    ladder.is_over()


def test_the_most_telling_failure_is_told() -> None:
    ladder = Ladder()
    ladder.b.answers(offered(ladder), 480)
    ladder.b.hears("ACK")
    ladder.c.answers(ladder.c.hears_request("INVITE"), 500)
    ladder.c.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(480))
    ladder.is_over()


def test_headers_of_a_failure_that_cross() -> None:
    ladder = Ladder()
    headers = [("Retry-After", "60"), ("Reason", "Q.850;cause=17"), ("Warning", '399 10.2.2.2 "b"'), ("Server", "b")]
    ladder.b.answers(offered(ladder), 486, headers=headers)
    ladder.b.hears("ACK")
    busy = ladder.a.hears_response(486)
    assert (busy.headers.get("Retry-After"), busy.headers.get("Reason")) == ("60", "Q.850;cause=17")
    assert "Warning" not in busy.headers
    assert "Server" not in busy.headers
    ladder.a.acks_failure(busy)
    ladder.is_over()


def test_first_trunk_says_nothing() -> None:
    """After a few seconds the next one is tried; the silent one is called off should it wake up."""
    ladder = Ladder()
    invite = offered(ladder)
    ladder.passes(5.1)
    ladder.b.heard.clear()
    second = ladder.c.hears_request("INVITE")
    ladder.b.answers(invite, 180)
    ladder.b.is_cancelled(invite)
    talks_and_ends(ladder, ladder.c, second)


def test_first_trunk_wakes_up_with_an_answer() -> None:
    ladder = Ladder()
    invite = offered(ladder)
    ladder.passes(5.1)
    ladder.b.heard.clear()
    second = ladder.c.hears_request("INVITE")
    ladder.b.answers(invite, 200, ANSWER)
    ladder.b.hears("ACK")
    ladder.b.is_hung_up()
    talks_and_ends(ladder, ladder.c, second)


def test_nobody_says_anything() -> None:
    ladder = Ladder()
    offered(ladder)
    ladder.passes(10.2)
    ladder.a.acks_failure(ladder.a.hears_response(408))
    ladder.passes(32)
    ladder.b.heard.clear()
    ladder.c.heard.clear()
    ladder.is_over()


def test_silent_host_is_tried_last_for_a_while() -> None:
    ladder = Ladder()
    invite = offered(ladder)
    ladder.passes(5.1)
    ladder.b.heard.clear()
    assert ladder.engine.core.trunks.health(ladder.engine.core.config.trunks["right"], ladder.now) == "down"
    ladder.b.answers(invite, 404)
    ladder.b.heard.clear()
    talks_and_ends(ladder, ladder.c, ladder.c.hears_request("INVITE"))


def test_first_trunk_cannot_be_reached() -> None:
    ladder = Ladder()
    ladder.unreachable.add("10.2.2.2")
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.hears_nothing_more()
    ladder.transport_fails()
    talks_and_ends(ladder, ladder.c, ladder.c.hears_request("INVITE"))


def test_no_trunk_can_be_reached() -> None:
    ladder = Ladder()
    ladder.unreachable |= {"10.2.2.2", "10.3.3.3"}
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.transport_fails()
    ladder.transport_fails()
    ladder.a.acks_failure(ladder.a.hears_response(408))
    ladder.is_over()


def test_second_host_of_a_trunk() -> None:
    hosts = (TrunkHost("10.2.2.2", 5060, "UDP"), TrunkHost("10.2.2.3", 5070, "UDP"))
    right = trunk("right", "10.2.2.2")
    two = type(right)("right", hosts, right.sources, media=right.media)
    trunks = {"left": trunk("left", "10.1.1.1"), "right": two, "spare": trunk("spare", "10.3.3.3")}
    ladder = Ladder(config(trunks=trunks))
    second = ladder.party("b2", "10.2.2.3", 5070)
    ladder.b.answers(offered(ladder), 503)
    ladder.b.hears("ACK")
    invite = second.hears_request("INVITE")
    assert invite.uri == "sip:2000@10.2.2.3:5070"
    second.answers(invite, 486)
    second.hears("ACK")
    ladder.a.acks_failure(ladder.a.hears_response(486))
    ladder.is_over()


def test_transport_that_nobody_listens_for() -> None:
    """The target is passed over."""
    right = trunk("right", "10.2.2.2")
    tls = type(right)("right", (TrunkHost("10.2.2.2", 5061, "TLS"),), right.sources, media=right.media)
    trunks = {"left": trunk("left", "10.1.1.1"), "right": tls, "spare": trunk("spare", "10.3.3.3")}
    ladder = Ladder(config(trunks=trunks))
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    talks_and_ends(ladder, ladder.c, ladder.c.hears_request("INVITE"))


def test_early_media_of_the_second_trunk_through_the_relay() -> None:
    """The first one's early media and CANCEL do not stand in its way."""
    ladder = Ladder(relayed())
    invite = offered(ladder)
    ladder.b.answers(invite, 183, ANSWER)
    ladder.relay_works()
    ladder.a.hears(183)
    ladder.b.answers(invite, 500)
    ladder.b.hears("ACK")
    ladder.relay_works()
    second = ladder.c.hears_request("INVITE")
    ladder.c.answers(second, 183, ANSWER)
    ladder.relay_works()
    assert ladder.a.hears_response(183).body
    talks_and_ends(ladder, ladder.c, second)


def test_codecs_of_each_trunk() -> None:
    """A trunk without a codec in common is passed over."""
    trunks = {
        "left": trunk("left", "10.1.1.1"),
        "right": trunk("right", "10.2.2.2", codecs=("G729",)),
        "spare": trunk("spare", "10.3.3.3", codecs=("PCMU",)),
    }
    ladder = Ladder(config(trunks=trunks))
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    talks_and_ends(ladder, ladder.c, ladder.c.hears_request("INVITE"))

    ladder.a.sends_invite("2000", OFFER.replace(b" 0\r\na=rtpmap:0 PCMU", b" 9\r\na=rtpmap:9 G722"))
    ladder.a.hears(100)
    ladder.a.acks_failure(ladder.a.hears_response(488))
    ladder.is_over()


def test_trunks_that_allow_nothing_in_common() -> None:
    trunks = {
        "left": trunk("left", "10.1.1.1", codecs=("PCMA",)),
        "right": trunk("right", "10.2.2.2", codecs=("PCMU",)),
        "spare": trunk("spare", "10.3.3.3", codecs=("PCMU",)),
    }
    ladder = Ladder(config(trunks=trunks))
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.a.acks_failure(ladder.a.hears_response(488))
    ladder.is_over()
