"""Calls over TCP: the connection is used again, Contact and Via say TCP (RFC 3261 18)."""

from b2bua.config import TrunkHost
from b2bua.sip.message import Request, Response
from tests.flows.ladder import ANSWER, OFFER, Ladder, Party, config, trunk


def over_tcp() -> tuple[Ladder, Party]:
    """B is a trunk that is called over TCP; A calls from a connection of its own."""
    right = trunk("right", "10.2.2.2")
    tcp = type(right)("right", (TrunkHost("10.2.2.2", 5060, "TCP"),), right.sources, media=right.media)
    trunks = {"left": trunk("left", "10.1.1.1"), "right": tcp, "spare": trunk("spare", "10.3.3.3")}
    ladder = Ladder(config(trunks=trunks))
    ladder.b = ladder.party("b", "10.2.2.2", 5060, "TCP")
    a = ladder.a = ladder.party("a", "10.1.1.1", 40123, "TCP")
    return ladder, a


def talks(ladder: Ladder) -> tuple[Response, Request]:
    """Both legs over TCP."""
    ladder.a.contact = "<sip:a@10.1.1.1:40123;transport=tcp>"
    ladder.b.contact = "<sip:b@10.2.2.2:5060;transport=tcp>"
    return ladder.connects()


def test_call() -> None:
    ladder, a = over_tcp()
    answered, offered = talks(ladder)
    assert offered.top_via.transport == "TCP"
    assert offered.uri == "sip:2000@10.2.2.2:5060;transport=tcp"
    for message in (answered, offered):
        assert message.contact is not None
        assert message.contact.uri.endswith(";transport=tcp")
    ladder.b.sends(ladder.b.in_dialog("BYE", offered))
    ladder.b.hears(200)
    a.is_hung_up()
    assert {hop.flow for hop in a.hops} == {7}, "everything comes on the connection that A opened"
    ladder.is_over()


def test_answer_is_repeated_on_tcp_too() -> None:
    """RFC 3261 13.3.1.4: the ACK is end to end."""
    ladder, a = over_tcp()
    a.contact = "<sip:a@10.1.1.1:40123;transport=tcp>"
    a.sends_invite("2000")
    a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 200, ANSWER)
    ladder.passes(0.6)
    a.hears(200)
    answered = a.hears_response(200)
    a.acks(answered)
    ladder.b.heard.clear()
    a.hangs_up(answered)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_contact_names_another_transport() -> None:
    """A request came over TCP, the Contact says UDP: the next one goes over UDP."""
    ladder, a = over_tcp()
    plain = ladder.party("plain", "10.1.1.1", 5060)
    a.contact = "<sip:a@10.1.1.1:5060>"
    answered, offered = ladder.connects()
    ladder.b.sends(ladder.b.in_dialog("BYE", offered))
    ladder.b.hears(200)
    bye = plain.hears_request("BYE")
    assert bye.top_via.transport == "UDP"
    assert (plain.hops[0].flow, plain.hops[0].listener) == (0, "udp")
    plain.answers(bye, 200)
    assert answered.status == 200
    ladder.is_over()


def test_contact_names_another_host() -> None:
    """The connection leads to who opened it, not to somebody else."""
    ladder, a = over_tcp()
    other = ladder.party("other", "10.1.1.2", 5060, "TCP")
    a.contact = "<sip:a@10.1.1.2:5060;transport=tcp>"
    _, offered = ladder.connects()
    ladder.b.sends(ladder.b.in_dialog("BYE", offered))
    ladder.b.hears(200)
    other.is_hung_up()
    assert other.hops[0].flow == 0
    ladder.is_over()


def test_connection_to_the_trunk_fails() -> None:
    ladder, a = over_tcp()
    ladder.unreachable.add("10.2.2.2")
    a.sends_invite("2000", OFFER)
    a.hears(100)
    ladder.transport_fails()
    ladder.c.answers(ladder.c.hears_request("INVITE"), 486)
    ladder.c.hears("ACK")
    a.acks_failure(a.hears_response(486))
    ladder.is_over()


def test_connection_of_the_caller_is_gone() -> None:
    """The BYE cannot reach A; the call ends all the same."""
    ladder, _ = over_tcp()
    _, offered = talks(ladder)
    ladder.unreachable.add("10.1.1.1")
    ladder.b.hangs_up(offered)
    ladder.transport_fails()
    ladder.is_over()
