import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.errors import UnsupportedSchemeError, UriError
from b2bua.sip.uri import Uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "sip:example.com",
        "sips:bob:secret@192.0.2.1:5061;transport=tcp;lr?Subject=x&Priority=urgent",
        "sip:+1-212-555-1212;phone-context=example.com@gw.example.com;user=phone",
        "sip:user@[2001:db8::1]:5070;maddr=[::1]",
        "sip:a,b;c?d/e@example.com",
        "sip:%61lice@example.com",
        "sip:работающий@example.com",
        "tel:+49-30-1234;phone-context=+49",
        "urn:service:sos",
    ],
)
def test_a_uri_is_written_as_it_was_read(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_all_parts() -> None:
    uri = Uri.parse("SIPS:bob:se:cret@Example.COM:5061;Transport=TCP;lr?Subject=x&To=sip%3aa%40b")

    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sips", "bob", "se:cret", "Example.COM", 5061)
    assert uri.params == {"transport": "TCP", "lr": None}
    assert uri.headers == (("Subject", "x"), ("To", "sip%3aa%40b"))


def test_a_telephone_number() -> None:
    uri = Uri.parse("tel:+1-212-555;ext=7")

    assert (uri.scheme, uri.user, uri.host, uri.params) == ("tel", "+1-212-555", "", {"ext": "7"})


def test_an_unknown_scheme_keeps_its_text() -> None:
    assert Uri.parse("isbn:2983792873").opaque == "2983792873"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice@example.com",
        "sip:",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b:port",
        "sip:a@b:65536",
        "sip:a@b:-1",
        "sip:a@b:",
        "sip:a@b@c",
        "sip:2001:db8::1",
        "sip:a@[2001:db8::1",
        "sip:a@b;=1",
        "sip:a b@c",
        "<sip:a@b>",
        "sip:a@b\r\nEvil: 1",
        "sip:a@b?=x",
        "tel:",
        "tel:alice",
    ],
)
def test_malformed_uris(text: str) -> None:
    with pytest.raises(UriError) as caught:
        Uri.parse(text)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::0:1]", "sip:a@[2001:DB8::1]"),
        ("tel:+1-212-555", "tel:+1(212)555"),
    ],
)
def test_equal_by_rfc_3261_19_1_4(one: str, other: str) -> None:
    assert Uri.parse(one) == Uri.parse(other)
    assert hash(Uri.parse(one)) == hash(Uri.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com;transport=udp", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:bob:x@biloxi.com"),
        ("isbn:1", "isbn:2"),
    ],
)
def test_different_by_rfc_3261_19_1_4(one: str, other: str) -> None:
    assert Uri.parse(one) != Uri.parse(other)


def test_a_uri_is_no_string() -> None:
    assert Uri.parse("sip:a@b") != "sip:a@b"


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("sip:a@192.0.2.1", ("UDP", "192.0.2.1", 5060)),
        ("sip:a@192.0.2.1:5080;transport=tcp", ("TCP", "192.0.2.1", 5080)),
        ("sip:a@example.com", ("UDP", "example.com", 0)),
        ("sip:a@example.com:5060", ("UDP", "example.com", 5060)),
        ("sips:a@[2001:db8::1]", ("TLS", "2001:db8::1", 5061)),
        ("sips:a@192.0.2.1;transport=tcp", ("TLS", "192.0.2.1", 5061)),
        ("sip:a@example.com;maddr=[::1]", ("UDP", "::1", 5060)),
    ],
)
def test_the_next_hop(text: str, hop: tuple[str, str, int]) -> None:
    assert Uri.parse(text).hop() == hop


def test_a_telephone_number_has_no_hop() -> None:
    with pytest.raises(UnsupportedSchemeError):
        Uri.parse("tel:+49301234").hop()


@pytest.mark.parametrize(
    ("text", "key"),
    [("sip:%61@Example.com:5070;x", "a@example.com"), ("sip:Example.com", "example.com")],
)
def test_the_address_of_record(text: str, key: str) -> None:
    assert Uri.parse(text).address_of_record == key


def test_with_parts_takes_the_port_with_the_host() -> None:
    uri = Uri.parse("sip:a:pw@b:5070;lr")

    assert str(uri.with_parts(user="c")) == "sip:c:pw@b:5070;lr"
    assert str(uri.with_parts(host="::1")) == "sip:a:pw@[::1];lr"
    assert str(uri.with_parts(user="c", host="d", port=6)) == "sip:c:pw@d:6;lr"


@given(st.text(alphabet=st.sampled_from('sip:tel@[]%;=?&.,a1Z "<>\r\n\0ä\udcff'), max_size=40))
@settings(max_examples=500)
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"sip:{text}", f"sip:a@{text}", f"tel:{text}"):
        try:
            uri = Uri.parse(candidate)
        except UriError:
            continue
        assert Uri.parse(str(uri)) == uri
        assert str(Uri.parse(str(uri))) == str(uri)
