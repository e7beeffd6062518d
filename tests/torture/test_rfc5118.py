"""RFC 5118, SIP torture test messages for IPv6."""

import pytest

from b2bua.sip.errors import HeaderError, UriError
from b2bua.sip.message import Request, parse
from b2bua.sip.uri import Uri


def register(
    uri: str = "sip:[2001:db8::10]",
    via: str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
    contact: str = '"Caller" <sip:caller@[2001:db8::1]>',
) -> Request:
    message = parse(
        (
            f"REGISTER {uri} SIP/2.0\r\n"
            "To: sip:user@example.com\r\n"
            "From: sip:user@example.com;tag=81x2\r\n"
            f"Via: {via}\r\n"
            "Call-ID: SSG9559905523997077@hlau_4100\r\n"
            "Max-Forwards: 70\r\n"
            f"Contact: {contact}\r\n"
            "CSeq: 98176 REGISTER\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


def test_4_1_references_in_request_uri_via_and_contact() -> None:
    message = register()

    assert Uri.parse(message.uri).host == "2001:db8::10"
    assert message.top_via.host == "2001:db8::9:1"
    assert message.contact is not None
    assert Uri.parse(message.contact.uri).hop() == ("UDP", "2001:db8::1", 5060)
    assert parse(message.to_bytes()) == message


def test_4_2_a_literal_without_brackets_is_no_host() -> None:
    with pytest.raises(UriError):
        Uri.parse(register(uri="sip:2001:db8::10").uri)


def test_4_3_a_port_after_a_literal_without_brackets_is_ambiguous() -> None:
    uri = Uri.parse(register(uri="sip:[2001:db8::10:5070]").uri)

    assert (uri.host, uri.port) == ("2001:db8::10:5070", None)


def test_4_4_a_port_after_the_brackets() -> None:
    uri = Uri.parse(register(uri="sip:[2001:db8::10]:5070").uri)

    assert (uri.host, uri.port) == ("2001:db8::10", 5070)


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_4_5_received_with_and_without_brackets(received: str) -> None:
    message = register(via=f"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111")

    assert message.top_via.received == "2001:db8::9:255"


def test_4_9_ipv4_mapped_literals() -> None:
    uri = Uri.parse("sip:user@[::ffff:192.0.2.10]:19823")

    assert (uri.host, uri.port) == ("::ffff:192.0.2.10", 19823)
    assert str(uri) == "sip:user@[::ffff:192.0.2.10]:19823"


def test_4_10_three_colons_are_no_literal() -> None:
    with pytest.raises(UriError):
        Uri.parse("sip:user@[2001:db8:::192.0.2.1]")
    with pytest.raises(HeaderError):
        register(via="SIP/2.0/UDP [2001:db8:::192.0.2.1];branch=z9hG4bKas3-111")
