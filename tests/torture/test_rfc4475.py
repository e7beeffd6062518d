"""RFC 4475, SIP torture test messages: each is read or refused as the RFC asks.

The messages are in rfc4475/, with LF for CRLF; the RFC's section is beside each name. mpart01 (3.1.1.11) and
test03 are not there: the first is a binary body, which test_message.py covers.
"""

from pathlib import Path

import pytest

from b2bua.sip.errors import ParseError, UnsupportedSchemeError
from b2bua.sip.message import Request, Response, parse
from b2bua.sip.responses import response_to
from b2bua.sip.uri import Uri

FOLDER = Path(__file__).parent / "rfc4475"

READ = [
    "wsinv",  # 3.1.1.1
    "intmeth",  # 3.1.1.2
    "esc01",  # 3.1.1.3
    "escnull",  # 3.1.1.4
    "esc02",  # 3.1.1.5
    "lwsdisp",  # 3.1.1.6
    "longreq",  # 3.1.1.7
    "dblreq",  # 3.1.1.8
    "semiuri",  # 3.1.1.9
    "transports",  # 3.1.1.10
    "unreason",  # 3.1.1.12
    "noreason",  # 3.1.1.13
    "baddate",  # 3.1.2.12: Date is not ours to judge
    "baddn",  # 3.1.2.15: the quotes may be inferred
    "badbranch",  # 3.2.1: refused or treated as RFC 2543 by the transaction layer
    "unkscm",  # 3.3.2: 416 by whoever routes
    "novelsc",  # 3.3.3
    "unksm2",  # 3.3.4
    "bext01",  # 3.3.5: 420 by whoever serves
    "invut",  # 3.3.6: 415 by whoever serves
    "regaut01",  # 3.3.7
    "bcast",  # 3.3.10: the transaction layer finds no transaction
    "zeromf",  # 3.3.11: 483 by whoever serves
    "cparam01",  # 3.3.12
    "cparam02",  # 3.3.13
    "regescrt",  # 3.3.14
    "sdp01",  # 3.3.15
    "inv2543",  # 3.4.1
]

REFUSED = {
    "badinv01": 400,  # 3.1.2.1
    "clerr": 400,  # 3.1.2.2
    "ncl": 400,  # 3.1.2.3
    "scalar02": 400,  # 3.1.2.4
    "quotbal": 400,  # 3.1.2.6
    "ltgtruri": 400,  # 3.1.2.7
    "lwsruri": 400,  # 3.1.2.8
    "lwsstart": 400,  # 3.1.2.9
    "trws": 400,  # 3.1.2.10
    "escruri": 400,  # 3.1.2.11
    "regbadct": 400,  # 3.1.2.13
    "badaspec": 400,  # 3.1.2.14
    "badvers": 505,  # 3.1.2.16
    "mismatch01": 400,  # 3.1.2.17
    "mismatch02": 400,  # 3.1.2.18
    "insuf": 400,  # 3.3.1
    "multi01": 400,  # 3.3.8
    "mcl01": 400,  # 3.3.9
}

DROPPED = [
    "scalarlg",  # 3.1.2.5: a response
    "bigcode",  # 3.1.2.19: a response
    "test",  # no Via
]


def message(name: str) -> bytes:
    return (FOLDER / f"{name}.sip").read_bytes().replace(b"\n", b"\r\n")


def request(name: str) -> Request:
    found = parse(message(name))
    assert isinstance(found, Request)
    return found


def test_every_message_has_its_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.sip")} == {*READ, *REFUSED, *DROPPED}


@pytest.mark.parametrize("name", READ)
def test_a_valid_message_is_read_and_survives_a_round_trip(name: str) -> None:
    found = parse(message(name))

    assert parse(found.to_bytes()) == found


@pytest.mark.parametrize(("name", "status"), REFUSED.items())
def test_an_invalid_request_is_refused_and_can_be_answered(name: str, status: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(message(name))

    assert caught.value.status == status
    assert caught.value.request is not None
    answer = response_to(caught.value.request, status, to_tag="ours").to_bytes()
    assert answer.startswith(f"SIP/2.0 {status} ".encode())
    assert b"\r\nVia: SIP/" in answer


@pytest.mark.parametrize("name", DROPPED)
def test_what_cannot_be_answered_is_dropped(name: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(message(name))

    assert caught.value.request is None


def test_short_tortuous_invite() -> None:
    invite = request("wsinv")

    assert invite.to.tag == "1918181833n"
    assert invite.from_.display == 'J Rosenberg \\"'
    assert invite.from_.tag == "98asjd8"
    assert invite.max_forwards == 68
    assert (invite.cseq.number, invite.cseq.method) == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in invite.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert invite.headers.get("subject") == ""
    assert invite.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert invite.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert invite.routes == ["<sip:services.example.com;lr;unknownwith=value;unknown-no-value>"]
    contact = invite.contact
    assert contact is not None
    assert contact.display == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_wide_range_of_valid_characters() -> None:
    odd = request("intmeth")

    assert odd.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = Uri.parse(odd.uri)
    assert uri.host == "example.com"
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert odd.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert odd.from_.display == "token1~` token2'+_ token3*%!.-"
    assert odd.from_.params["fromparam''~+*_!.-%"] == '"работающий"'
    assert odd.from_.tag == "_token~1'+`*%!-."
    assert odd.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def test_escapes_are_kept_and_resolved_only_for_reading() -> None:
    escaped = request("esc01")

    uri = Uri.parse(escaped.uri)
    assert (uri.scheme, uri.user, uri.decoded_user, uri.host) == (
        "sip",
        "sips%3Auser%40example.com",
        "sips:user@example.com",
        "example.net",
    )
    assert Uri.parse(escaped.to.uri) == Uri.parse("sip:user@example.com")
    assert b"RE%47IST%45R" in request("esc02").to_bytes()
    assert len(request("esc02").contacts) == 2


def test_escaped_null_stays_in_the_user() -> None:
    assert [Uri.parse(contact.uri).decoded_user for contact in request("escnull").contacts] == ["\0", "\0\0"]


def test_a_datagram_ends_with_its_first_message() -> None:
    register = request("dblreq")

    assert (register.method, register.body) == ("REGISTER", b"")


def test_semicolon_parts_belong_to_the_user() -> None:
    uri = Uri.parse(request("semiuri").uri)

    assert (uri.user, uri.host, uri.params) == ("user;par=u%40example.net", "example.com", {})


def test_many_vias_in_all_spellings() -> None:
    assert [via.host for via in request("longreq").vias][:-1] == [f"sip{n}.example.com" for n in range(33, 0, -1)]


def test_every_transport_is_read() -> None:
    assert [via.transport for via in request("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_reasons_in_utf_8_and_empty() -> None:
    unusual, empty = parse(message("unreason")), parse(message("noreason"))

    assert isinstance(unusual, Response)
    assert unusual.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert isinstance(empty, Response)
    assert (empty.status, empty.reason) == (100, "")


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_an_unknown_scheme_is_left_to_the_router(name: str) -> None:
    uri = Uri.parse(request(name).uri)

    with pytest.raises(UnsupportedSchemeError) as caught:
        uri.hop()

    assert caught.value.status == 416


def test_a_branch_of_only_the_cookie_is_not_unique() -> None:
    assert not request("badbranch").top_via.is_unique_branch


def test_contact_parameters_within_and_without_brackets() -> None:
    outside, inside = request("cparam01").contact, request("cparam02").contact

    assert outside is not None
    assert inside is not None
    assert (outside.uri, outside.params) == ("sip:+19725552222@gw1.example.net", {"unknownparam": None})
    assert (inside.uri, inside.params) == ("sip:+19725552222@gw1.example.net;unknownparam", {})


def test_an_rfc_2543_invite_needs_no_tag_branch_or_max_forwards() -> None:
    invite = request("inv2543")

    assert (invite.from_.tag, invite.top_via.branch, invite.max_forwards) == ("", "", None)
    assert invite.body.endswith(b"RTP/AVP 0\r\n")
