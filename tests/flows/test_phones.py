"""Phones: REGISTER with digest, calls to them and from them, behind a NAT, over IPv6 (RFC 3665 2, 3.1)."""

import re

import pytest

from b2bua.config import Listener, Media, Route, TrunkHost
from b2bua.sip.auth import answer_challenge
from b2bua.sip.message import Request, Response
from tests.flows.ladder import ANSWER, OFFER, Ladder, Party, config, relayed, trunk

PASSWORDS = {"alice": "wonderland", "bob": "builder"}


def authorised(phone: Party, request: Request, challenge: Response, user: str) -> Request:
    """The same request again, with the user's password."""
    phone.cseq += 1
    name, value = answer_challenge(
        challenge, request.method, request.uri, user, PASSWORDS[user], cnonce="0a4f113b", nc=1
    )
    again = Request(request.method, request.uri, request.headers.copy(), request.body)
    again.headers.set(
        "Via", f"SIP/2.0/{phone.hop.transport} {phone.address};rport;branch=z9hG4bK-again-{phone.name}-{phone.cseq}"
    )
    again.headers.set("CSeq", f"{phone.cseq} {request.method}")
    again.headers.add(name, value)
    return again


def registers(phone: Party, user: str, registrar: str = "192.0.2.1") -> Response:
    """REGISTER, 401, REGISTER, 200 (RFC 3665 2.1)."""
    register = phone.request(
        "REGISTER", f"sip:{registrar}", to=f"<sip:{user}@{registrar}>", from_user=user, headers=[("Expires", "3600")]
    )
    phone.sends(register)
    challenge = phone.hears_response(401)
    phone.sends(authorised(phone, register, challenge, user))
    return phone.hears_response(200)


def calls(phone: Party, user: str, called: str) -> Request:
    """INVITE, 407, ACK, INVITE, 100."""
    invite = phone.request("INVITE", f"sip:{called}@192.0.2.1", from_user=user)
    invite.headers.add("Content-Type", "application/sdp")
    invite.body = OFFER
    phone.sends(invite)
    challenge = phone.hears_response(407)
    phone.acks_failure(challenge)
    again = authorised(phone, invite, challenge, user)
    phone.sends(again)
    phone.hears(100)
    return again


def natted(ladder: Ladder, name: str, port: int) -> Party:
    """A phone that says a private address and comes from a public one."""
    phone = ladder.party(name, "8.8.4.4", port)
    phone.address = "192.168.1.20:5060"
    phone.domain = "192.0.2.1"
    phone.rport = True
    phone.contact = f"<sip:{name}@192.168.1.20:5060>"
    return phone


def test_register_and_be_called() -> None:
    ladder = Ladder()
    bob = ladder.party("bob", "10.4.4.4")
    bob.domain = "192.0.2.1"
    answer = registers(bob, "bob")
    assert answer.contact is not None
    assert answer.contact.params["expires"] == "3600"

    ladder.a.sends_invite("bob")
    ladder.a.hears(100)
    invite = bob.hears_request("INVITE")
    assert invite.uri == "sip:bob@10.4.4.4:5060"
    bob.answers(invite, 200, ANSWER)
    bob.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    bob.is_hung_up()
    ladder.is_over()


def test_nobody_is_registered() -> None:
    ladder = Ladder()
    ladder.a.sends_invite("bob")
    ladder.a.hears(100)
    ladder.a.acks_failure(ladder.a.hears_response(480))
    ladder.is_over()


def test_wrong_password() -> None:
    ladder = Ladder()
    bob = ladder.party("bob", "10.4.4.4")
    register = bob.request("REGISTER", "sip:192.0.2.1", to="<sip:bob@192.0.2.1>")
    bob.sends(register)
    challenge = bob.hears_response(401)
    again = authorised(bob, register, challenge, "bob")
    again.headers.set("Authorization", (again.headers.get("Authorization") or "").replace('response="', 'response="0'))
    bob.sends(again)
    bob.hears(403)
    ladder.is_over()


def test_somebody_else_is_registered() -> None:
    ladder = Ladder()
    bob = ladder.party("bob", "10.4.4.4")
    register = bob.request("REGISTER", "sip:192.0.2.1", to="<sip:alice@192.0.2.1>")
    bob.sends(register)
    bob.sends(authorised(bob, register, bob.hears_response(401), "bob"))
    bob.hears(403)
    ladder.is_over()


def test_phone_calls_phone_behind_the_same_nat() -> None:
    """Requests of both legs reach the ports that the phones are seen at, whatever their Contacts say."""
    ladder = Ladder()
    alice, bob = natted(ladder, "alice", 30001), natted(ladder, "bob", 30002)
    for phone in (alice, bob):
        registers(phone, phone.name)
    calls(alice, "alice", "bob")
    invite = bob.hears_request("INVITE")
    assert invite.uri == "sip:bob@192.168.1.20:5060"
    bob.answers(invite, 180)
    alice.hears(180)
    bob.answers(invite, 200, ANSWER)
    bob.hears("ACK")
    answered = alice.hears_response(200)
    alice.acks(answered)
    bob.hangs_up(invite)
    bye = alice.is_hung_up()
    assert bye.uri == "sip:alice@192.168.1.20:5060"
    ladder.is_over()


def test_phone_is_reached_where_it_registered_from_whatever_it_answers() -> None:
    """Two private networks behind each other: nothing in the addresses tells that there is a NAT."""
    ladder = Ladder()
    bob = ladder.party("bob", "10.4.4.4", 30002)
    bob.domain, bob.rport = "192.0.2.1", True
    bob.address = "192.168.1.20:5060"
    bob.contact = "<sip:bob@192.168.1.20:5060>"
    registers(bob, "bob")
    ladder.a.sends_invite("bob")
    ladder.a.hears(100)
    bob.answers(bob.hears_request("INVITE"), 200, ANSWER)
    bob.hears("ACK")
    answered = ladder.a.hears_response(200)
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    bob.is_hung_up()
    ladder.is_over()


def test_caller_may_not_use_another_name() -> None:
    ladder = Ladder()
    bob = ladder.party("bob", "10.4.4.4")
    invite = bob.request("INVITE", "sip:bob@192.0.2.1", from_user="alice")
    bob.sends(invite)
    challenge = bob.hears_response(407)
    bob.acks_failure(challenge)
    bob.sends(authorised(bob, invite, challenge, "bob"))
    bob.acks_failure(bob.hears_response(403))
    ladder.is_over()


def test_phone_may_not_assert_an_identity() -> None:
    """RFC 3325 6; a trunk may."""
    ladder = Ladder()
    bob = natted(ladder, "bob", 30002)
    registers(bob, "bob")
    identity = [("P-Asserted-Identity", '"Boss" <sip:+4930123@10.1.1.1>, <tel:+4930123>')]
    ladder.a.sends_invite("bob", headers=identity)
    ladder.a.hears(100)
    assert bob.hears_request("INVITE").headers.get_all("P-Asserted-Identity") == [
        '"Boss" <sip:+4930123@192.0.2.1>',
        "<tel:+4930123>",
    ]


def test_call_from_a_phone_to_a_trunk() -> None:
    ladder = Ladder()
    alice = ladder.party("alice", "10.4.4.4")
    alice.domain = "192.0.2.1"
    invite = calls(alice, "alice", "930123")
    asked = ladder.a.hears_request("INVITE")
    assert asked.uri == "sip:+4930123@10.1.1.1:5060"
    assert "Proxy-Authorization" not in asked.headers
    assert asked.from_.uri == "sip:alice@192.0.2.1"
    alice.cancels(invite)
    alice.hears(200)
    alice.acks_failure(alice.hears_response(487))
    ladder.a.answers(asked, 100)
    ladder.a.is_cancelled(asked)
    ladder.is_over()


def ipv6(*, media: Media = Media.BYPASS) -> Ladder:
    """Trunk left speaks IPv4, trunk right IPv6."""
    right = trunk("right", "2001:db8::2", media=media)
    trunks = {"left": trunk("left", "10.1.1.1", media=media), "right": right}
    listeners = (
        Listener("udp", "UDP", "192.0.2.1", 5060, "192.0.2.1", 5060),
        Listener("udp6", "UDP", "2001:db8::1", 5060, "2001:db8::1", 5060),
    )
    routes = (Route(re.compile(r"2\d{3}"), ("right",)), Route(re.compile(r"1\d{3}"), ("left",)))
    settings = config(trunks=trunks, listeners=listeners, routes=routes)
    if media is Media.RELAY:
        settings = relayed(trunks=trunks, listeners=listeners, routes=routes)
    ladder = Ladder(settings)
    ladder.b = ladder.party("b", "2001:db8::2")
    ladder.b.hop = ladder.b.hop._replace(listener="udp6")
    assert right.hosts == (TrunkHost("2001:db8::2", 5060, "UDP"),)
    return ladder


def test_call_from_ipv4_to_ipv6() -> None:
    ladder = ipv6()
    answered, offered = ladder.connects()
    assert offered.uri == "sip:2000@[2001:db8::2]:5060"
    assert (offered.top_via.host, offered.top_via.params["rport"]) == ("2001:db8::1", None)
    assert offered.contact is not None
    assert "@[2001:db8::1]" in offered.contact.uri
    assert offered.from_.uri == "sip:a@[2001:db8::1]"
    assert answered.contact is not None
    assert "@192.0.2.1" in answered.contact.uri
    ladder.b.sends(ladder.b.in_dialog("BYE", offered))
    ladder.b.hears(200)
    ladder.a.is_hung_up()
    assert {hop.listener for hop in ladder.b.hops} == {"udp6"}
    assert {hop.listener for hop in ladder.a.hops} == {"udp"}
    ladder.is_over()


def test_relay_stands_between_ipv4_and_ipv6() -> None:
    ladder = ipv6(media=Media.RELAY)
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    assert ladder.relay_is_asked("offer")["address-family"] == "IP6"
    ladder.relay_works()
    offered = ladder.b.hears_request("INVITE")
    assert b"c=IN IP6 2001:db8::1" in offered.body
    answer = ANSWER.replace(b"IP4 10.2.2.2", b"IP6 2001:db8::2")
    ladder.b.answers(offered, 200, answer)
    ladder.b.hears("ACK")
    ladder.relay_works()
    answered = ladder.a.hears_response(200)
    assert b"c=IN IP4 192.0.2.1" in answered.body
    ladder.a.acks(answered)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.relay_works()
    ladder.is_over()


@pytest.mark.parametrize("contact", ["<sip:a@[2001:db8::77]:5060>"])
def test_contact_of_the_other_family_is_reached_by_the_other_listener(contact: str) -> None:
    ladder = ipv6()
    moved = ladder.party("moved", "2001:db8::77")
    ladder.a.contact = contact
    _, offered = ladder.connects()
    ladder.b.sends(ladder.b.in_dialog("BYE", offered))
    ladder.b.hears(200)
    moved.hears("BYE")
    assert moved.hops[0].listener == "udp6"


def test_the_relay_is_told_where_a_phone_really_is() -> None:
    ladder = Ladder(relayed())
    alice, bob = natted(ladder, "alice", 30001), natted(ladder, "bob", 30002)
    registers(bob, "bob")
    calls(alice, "alice", "bob")
    offer = ladder.relay_is_asked("offer")
    assert offer["received-from"] == ["IP4", "8.8.4.4"]
