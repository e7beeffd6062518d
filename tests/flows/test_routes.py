"""Proxies in between: Record-Route, strict and loose; and Contacts that are missing or odd (RFC 3261 12, 16.12)."""

import pytest

from b2bua.sip.message import Request, Response
from tests.flows.ladder import ANSWER, OFFER, Ladder, Party


def with_proxies(ladder: Ladder, left: list[str], right: list[str]) -> tuple[Response, Request]:
    """A call that was set up through proxies that stay in the path: their Record-Route values on each side."""
    a, b = ladder.a, ladder.b
    invite = a.request("INVITE", "sip:2000@192.0.2.1", headers=[("Record-Route", each) for each in left])
    invite.headers.add("Content-Type", "application/sdp")
    invite.body = OFFER
    a.sends(invite)
    a.hears(100)
    offered = b.hears_request("INVITE")
    assert "Record-Route" not in offered.headers
    b.answers(offered, 200, ANSWER, headers=[("Record-Route", each) for each in right])
    proxy = ladder.parties["10.2.2.50", 5060] if right else b
    proxy.hears("ACK")
    answered = a.hears_response(200)
    assert answered.headers.get_all("Record-Route") == left
    a.acks(answered)
    return answered, offered


def proxies(ladder: Ladder) -> tuple[Party, Party]:
    """One before A and one before B."""
    return ladder.party("pa", "10.1.1.50"), ladder.party("pb", "10.2.2.50")


def test_loose_routes() -> None:
    ladder = Ladder()
    left, right = proxies(ladder)
    answered, offered = with_proxies(
        ladder,
        ["<sip:10.1.1.50;lr>", "<sip:10.1.1.51;lr;transport=udp>"],
        ["<sip:10.2.2.51;lr=on>", "<sip:10.2.2.50;lr>"],
    )
    ladder.a.hangs_up(answered)
    bye = right.hears_request("BYE")
    assert bye.uri == "sip:b@10.2.2.2:5060"
    assert bye.headers.get_all("Route") == ["<sip:10.2.2.50;lr>", "<sip:10.2.2.51;lr=on>"]
    right.answers(bye, 200)
    ladder.is_over()

    answered, offered = with_proxies(
        ladder, ["<sip:10.1.1.50;lr>", "<sip:10.1.1.51;lr;transport=udp>"], ["<sip:10.2.2.50;lr>"]
    )
    ladder.b.sends(ladder.b.in_dialog("BYE", offered))
    ladder.b.hears(200)
    bye = left.hears_request("BYE")
    assert bye.uri == "sip:a@10.1.1.1:5060"
    assert bye.headers.get_all("Route") == ["<sip:10.1.1.50;lr>", "<sip:10.1.1.51;lr;transport=udp>"]
    left.answers(bye, 200)
    ladder.is_over()


def test_strict_route() -> None:
    """RFC 3261 12.2.1.1: a router of RFC 2543 becomes the Request-URI; the target goes last."""
    ladder = Ladder()
    _, right = proxies(ladder)
    answered, _ = with_proxies(ladder, [], ["<sip:10.2.2.51;lr>", "<sip:strict@10.2.2.50;lrx>"])
    ladder.a.hangs_up(answered)
    bye = right.hears_request("BYE")
    assert bye.uri == "sip:strict@10.2.2.50;lrx"
    assert bye.headers.get_all("Route") == ["<sip:10.2.2.51;lr>", "<sip:b@10.2.2.2:5060>"]
    right.answers(bye, 200)
    ladder.is_over()


def test_route_set_stays_when_the_target_moves() -> None:
    """RFC 3261 12.2: a target refresh changes the Contact alone."""
    ladder = Ladder()
    _, right = proxies(ladder)
    answered, offered = with_proxies(ladder, [], ["<sip:10.2.2.50;lr>"])
    ladder.b.contact = "<sip:moved@10.2.2.77>"
    ladder.b.sends(ladder.b.in_dialog("UPDATE", offered))
    ladder.b.hears(200)
    ladder.a.hangs_up(answered)
    bye = right.hears_request("BYE")
    assert (bye.uri, bye.headers.get_all("Route")) == ("sip:moved@10.2.2.77", ["<sip:10.2.2.50;lr>"])
    right.answers(bye, 200)
    ladder.is_over()


def test_too_many_routes() -> None:
    ladder = Ladder()
    ladder.a.sends_invite("2000", headers=[("Record-Route", "<sip:10.1.1.50;lr>")] * 33)
    ladder.a.acks_failure(ladder.a.hears_response(400))
    ladder.is_over()


def test_too_many_routes_in_the_answer() -> None:
    """An answer that cannot be used; B leaves it when no ACK comes."""
    ladder = Ladder()
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    routes = [("Record-Route", "<sip:10.2.2.50;lr>")] * 33
    ladder.b.answers(ladder.b.hears_request("INVITE"), 200, ANSWER, headers=routes)
    ladder.a.acks_failure(ladder.a.hears_response(502))
    ladder.is_over()


@pytest.mark.parametrize(
    "contact", ["", "<tel:+123>", "<http://10.2.2.2/>", "<sips:b@10.2.2.2>", "<sip:b@10.2.2.2;transport=tls>", "*"]
)
def test_answer_without_a_contact_to_follow(contact: str) -> None:
    """The peer is then reached as the INVITE was."""
    ladder = Ladder()
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.contact = contact
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


@pytest.mark.parametrize("contact", ["<tel:1>", "<sip:a@10.1.1.1;transport=ws>", "<sips:a@10.1.1.1>"])
def test_refresh_with_a_contact_that_cannot_be_followed(contact: str) -> None:
    ladder = Ladder()
    answered, offered = ladder.connects()
    ladder.a.contact = contact
    ladder.a.sends(ladder.a.in_dialog("UPDATE", answered))
    ladder.a.hears(200)
    ladder.b.hangs_up(offered)
    ladder.a.is_hung_up()
    ladder.is_over()


def test_answer_from_behind_a_nat() -> None:
    """B's Contact is private, B was reached at a public address: ACK and BYE go there (ALG failure 29)."""
    ladder = Ladder()
    hops = ladder.b.hops
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    leg = ladder.calls[0].attempts[0]
    public = ladder.party("b", "8.8.4.4")
    leg.dialog.hop = leg.dialog.hop._replace(host="8.8.4.4")
    ladder.b.contact = "<sip:b@192.168.1.20:5060>"
    ladder.b.answers(offered, 200, ANSWER)
    public.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    bye = public.hears_request("BYE")
    assert bye.uri == "sip:b@192.168.1.20:5060"
    public.answers(bye, 200)
    assert len(hops) == 1
    ladder.is_over()
