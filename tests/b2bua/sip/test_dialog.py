"""Dialogs: what the two ends are told, and how the next request finds its way (RFC 3261 12)."""

import pytest

from b2bua.sip.dialog import Dialog
from b2bua.sip.errors import ParseError, SipError, UnsupportedSchemeError
from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request, Response

PUBLIC = Hop("UDP", "8.8.4.4", 40000, 0, "udp")
SPOKEN = ("UDP", "TCP")


def invite(contact: str = "<sip:alice@8.8.4.4:5060>", *routes: str) -> Request:
    """An INVITE that begins a dialog."""
    headers = [("From", "<sip:alice@a>;tag=1"), ("To", "<sip:bob@b>"), ("Call-ID", "c"), ("CSeq", "7 INVITE")]
    headers += [("Record-Route", route) for route in routes]
    return Request("INVITE", "sip:bob@b", Headers([*headers, ("Contact", contact)]))


def answer(contact: str, *routes: str) -> Response:
    """The 2xx that begins a dialog."""
    headers = [("To", "<sip:bob@b>;tag=2"), ("Contact", contact)]
    return Response(200, "OK", Headers([*headers, *(("Record-Route", route) for route in routes)]))


def answering(request: Request, source: Hop = PUBLIC, *, pinned: bool = False) -> Dialog:
    """The callee's side."""
    return Dialog.answering(request, "ours", "<sip:us@x>", source, pinned=pinned, spoken=SPOKEN)


def asking() -> Dialog:
    """The caller's side, before the answer."""
    uri = "sip:bob@8.8.8.8"
    return Dialog("c", "ours", "", "<sip:us@x>;tag=ours", f"<{uri}>", "<sip:us@x>", uri, Hop("UDP", "8.8.8.8", 5060))


def test_requests_of_the_callee_go_to_the_contact() -> None:
    dialog = answering(invite())
    request = dialog.request("BYE")
    assert (request.uri, request.to.tag, request.from_.tag, request.cseq.number) == (
        "sip:alice@8.8.4.4:5060",
        "1",
        "ours",
        1,
    )
    assert dialog.hop == Hop("UDP", "8.8.4.4", 5060, 0, "udp")
    assert (dialog.remote_cseq, dialog.local_cseq) == (7, 1)


def test_route_set_of_the_callee_is_in_order_and_of_the_caller_reversed() -> None:
    """RFC 3261 12.1.1, 12.1.2."""
    routes = ("<sip:8.8.1.1;lr>", "<sip:8.8.2.2;lr>")
    assert answering(invite("<sip:a@8.8.4.4>", *routes)).route_set == routes
    dialog = asking()
    dialog.establish(answer("<sip:b@8.8.8.9>", *routes), SPOKEN)
    assert dialog.route_set == routes[::-1]
    assert dialog.hop.host == "8.8.2.2"
    assert dialog.remote_tag == "2"


@pytest.mark.parametrize("contact", ["<sip:a@192.168.1.1>", "<sip:a@10.0.0.1:5070>", "<sip:a@100.64.1.1>"])
def test_private_contact_is_not_followed_from_a_public_address(contact: str) -> None:
    assert answering(invite(contact)).hop == PUBLIC
    assert answering(invite(contact), Hop("UDP", "10.9.9.9", 5060)).hop.host != "10.9.9.9"


def test_pinned_dialog_stays() -> None:
    dialog = answering(invite("<sip:a@8.8.1.1>"), pinned=True)
    dialog.refresh_target(invite("<sip:a@8.8.2.2>"), SPOKEN)
    assert dialog.hop == PUBLIC
    assert dialog.remote_target == "sip:a@8.8.2.2"


def test_connection_is_kept_to_the_same_host_alone() -> None:
    source = Hop("TCP", "8.8.4.4", 40000, 9, "tcp")
    assert answering(invite("<sip:a@8.8.4.4:5060;transport=tcp>"), source).hop.flow == 9
    assert answering(invite("<sip:a@8.8.4.5:5060;transport=tcp>"), source).hop.flow == 0
    assert answering(invite("<sip:a@8.8.4.4:5060>"), source).hop.flow == 0


@pytest.mark.parametrize("contact", ["<sips:b@8.8.1.1>", "<sip:b@8.8.1.1;transport=ws>"])
def test_transport_that_is_not_spoken_is_not_followed(contact: str) -> None:
    dialog = asking()
    dialog.establish(answer(contact), SPOKEN)
    assert dialog.hop == Hop("UDP", "8.8.8.8", 5060)


@pytest.mark.parametrize("contact", ["<tel:1>", "*", "<sip:@>"])
def test_contact_that_is_no_target(contact: str) -> None:
    dialog = asking()
    dialog.establish(answer(contact), SPOKEN)
    assert dialog.remote_target == "sip:bob@8.8.8.8"
    with pytest.raises((ParseError, UnsupportedSchemeError)):
        answering(invite(contact))


def test_invite_without_a_contact() -> None:
    request = invite()
    request.headers.remove("Contact")
    with pytest.raises(ParseError):
        answering(request)


def test_too_many_routes_change_nothing() -> None:
    dialog = asking()
    before = repr(dialog)
    with pytest.raises(ParseError):
        dialog.establish(answer("<sip:b@8.8.1.1>", *["<sip:p;lr>"] * 33), SPOKEN)
    assert repr(dialog) == before


@pytest.mark.parametrize(
    ("route", "loose"),
    [
        ("<sip:p;lr>", True),
        ("<sip:p;LR=on;x>", True),
        ("<sip:p;x=1;lr=true>;y", True),
        ("<sip:p;lrx>", False),
        ("<sip:p>;xlr", False),
        ("<sip:p>", False),
    ],
)
def test_loose_and_strict_routers(route: str, loose: bool) -> None:
    dialog = asking()
    dialog.establish(answer("<sip:b@8.8.1.1>", route), SPOKEN)
    request = dialog.request("INFO")
    target = "sip:b@8.8.1.1"
    assert (request.uri == target) is loose
    assert request.headers.get_all("Route") == [route if loose else f"<{target}>"]


def test_requests_that_belong_to_a_dialog() -> None:
    dialog = answering(invite())
    assert dialog.owns(invite())
    for name, value in (("Call-ID", "d"), ("From", "<sip:alice@a>;tag=2"), ("From", "<sip:alice@a>")):
        other = invite()
        other.headers.set(name, value)
        assert not dialog.owns(other)


def test_ack_has_no_contact_and_takes_the_number_of_its_invite() -> None:
    dialog = asking()
    dialog.request("INVITE")
    dialog.request("INFO")
    ack = dialog.request("ACK", 1)
    assert (ack.cseq.number, ack.contact, dialog.local_cseq) == (1, None, 2)


@pytest.mark.parametrize("route", ["*", "<tel:1>", "<http://x/>"])
def test_route_that_leads_nowhere(route: str) -> None:
    dialog = asking()
    before = repr(dialog)
    with pytest.raises(SipError):
        dialog.establish(answer("<sip:b@8.8.1.1>", route), SPOKEN)
    assert repr(dialog) == before
    with pytest.raises(SipError):
        answering(invite("<sip:a@8.8.4.4>", route))
