import pytest

from b2bua.sip.errors import HeaderError
from b2bua.sip.headers.via import Via


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1",
        "SIP/2.0/TCP host.example.com",
        "SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK1;received=2001:db8::2",
        'SIP/7.0/UNKNOWN h_1;x="a;b"',
    ],
)
def test_a_via_is_written_as_it_was_read(text: str) -> None:
    assert str(Via.parse(text)) == text


def test_spaces_around_every_sign() -> None:
    via = Via.parse("SIP / 2.0 / udp  host : 5060 ; branch = z9hG4bK1 ; rport")

    assert (via.transport, via.host, via.port, via.protocol) == ("UDP", "host", 5060, "SIP/2.0")
    assert via.params == {"branch": "z9hG4bK1", "rport": None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 host",
        "SIP/2.0/UDP ;branch=1",
        "SIP/2.0/UDP host:65536",
        "SIP/2.0/UDP host:port",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP [2001:db8::1",
        "SIP/2.0/UDP host garbage",
        "SIP/2.0/UDP host;=1",
    ],
)
def test_malformed_vias(text: str) -> None:
    with pytest.raises(HeaderError):
        Via.parse(text)


@pytest.mark.parametrize(("value", "rport"), [("", None), ("=5060", 5060), ("=x", None), ("=999999", None)])
def test_rport(value: str, rport: int | None) -> None:
    assert Via.parse(f"SIP/2.0/UDP h;rport{value}").rport == rport


def test_a_branch_is_unique_with_the_cookie_and_more() -> None:
    assert Via.parse("SIP/2.0/UDP h;branch=z9hG4bK1").is_unique_branch
    assert not Via.parse("SIP/2.0/UDP h;branch=z9hG4bK").is_unique_branch
    assert not Via.parse("SIP/2.0/UDP h;branch=1").is_unique_branch
    assert not Via.parse("SIP/2.0/UDP h").is_unique_branch


@pytest.mark.parametrize(
    ("sent", "marked"),
    [
        # RFC 3261 18.2.1: only where the address differs.
        ("SIP/2.0/UDP 192.0.2.9:5060;branch=1", "SIP/2.0/UDP 192.0.2.9:5060;branch=1"),
        ("SIP/2.0/UDP 10.0.0.1:5060;branch=1", "SIP/2.0/UDP 10.0.0.1:5060;branch=1;received=192.0.2.9"),
        ("SIP/2.0/UDP phone.example.com", "SIP/2.0/UDP phone.example.com;received=192.0.2.9"),
        # RFC 3581 4: both, where rport is asked for.
        ("SIP/2.0/UDP 192.0.2.9;rport;branch=1", "SIP/2.0/UDP 192.0.2.9;rport=4711;branch=1;received=192.0.2.9"),
        # What the sender claims to have received does not count.
        (
            "SIP/2.0/UDP 10.0.0.1;rport=1;received=1.1.1.1",
            "SIP/2.0/UDP 10.0.0.1;rport=4711;received=192.0.2.9",
        ),
        ("SIP/2.0/UDP 192.0.2.9;received=1.1.1.1", "SIP/2.0/UDP 192.0.2.9"),
    ],
)
def test_the_server_marks_the_source(sent: str, marked: str) -> None:
    assert str(Via.parse(sent).with_source("192.0.2.9", 4711)) == marked


def test_one_ipv6_address_in_two_spellings_is_the_same_source() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:DB8::0:1]")

    assert via.with_source("2001:db8::1", 5060).received == ""
    assert via.with_source("2001:db8::2", 5060).received == "2001:db8::2"
