import pytest

from sdp.address import Address, parse_number
from sdp.errors import SdpError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("IN IP4 192.0.2.1", Address("IP4", "192.0.2.1")),
        ("IN  IP4\t192.0.2.1 ", Address("IP4", "192.0.2.1")),
        ("IN IP6 2001:db8::1", Address("IP6", "2001:db8::1")),
        ("IN IP4 224.2.1.1/127/3", Address("IP4", "224.2.1.1")),
        ("IN IP6 FF15::101/3", Address("IP6", "FF15::101")),
        ("IN IP4 alice.example.com", Address("IP4", "alice.example.com")),
        ("IN IP6 media_1.example-2.com", Address("IP6", "media_1.example-2.com")),
    ],
)
def test_reads_addresses(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "IN IP4",
        "IN IP4 ",
        "IN IP4 1.2.3.4 5",
        "ATM NSAP 1.2.3.4",
        "in IP4 1.2.3.4",
        "IN IP4 1.2.3.256",
        "IN IP4 1.2.3",
        "IN IP4 2001:db8::1",
        "IN IP6 192.0.2.1",
        "IN IP6 2001:db8::zz",
        "IN IP6 [2001:db8::1]",
        "IN IP4 a;b",
        "IN IP4 ..",
        "IN IP4 " + "a" * 256,
        "IN IP4 caf\xe9.example",
        "IN IP6 " + ":" * 5000,
    ],
)
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(SdpError):
        Address.parse(text)


def test_text_form() -> None:
    assert str(Address.of("192.0.2.1")) == "IN IP4 192.0.2.1"
    assert str(Address.of("2001:db8::1")) == "IN IP6 2001:db8::1"


@pytest.mark.parametrize(
    ("host", "unspecified"),
    [("0.0.0.0", True), ("::", True), ("0:0:0:0:0:0:0:0", True), ("::1", False), ("10.0.0.0", False), ("0", False)],
)
def test_unspecified(host: str, unspecified: bool) -> None:
    assert Address.of(host).is_unspecified is unspecified


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_0", " 1", "\u0661", "\xb2", "11", "0" * 21, "9" * 5000])
def test_refuses_what_is_no_number(text: str) -> None:
    with pytest.raises(SdpError):
        parse_number(text, 10)


def test_reads_numbers() -> None:
    assert parse_number("0010", 10) == 10
