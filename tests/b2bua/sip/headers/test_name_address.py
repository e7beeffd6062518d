import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.errors import HeaderError
from b2bua.sip.headers.name_address import NameAddress


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("sip:a@b", "", "sip:a@b", {}),
        ("sip:a@b ; tag = 1", "", "sip:a@b", {"tag": "1"}),
        ("<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", {"tag": "1"}),
        ('"Alice, \\"A\\" <x>" <sip:a@b>;tag=1;x', 'Alice, "A" <x>', "sip:a@b", {"tag": "1", "x": None}),
        ("Bob the Builder <sip:b@c>", "Bob the Builder", "sip:b@c", {}),
        ('"Zoë 大停電"<sip:z@c>', "Zoë 大停電", "sip:z@c", {}),
        ('"" <sip:z@c>', "", "sip:z@c", {}),
        ("tel:+49301234;tag=1", "", "tel:+49301234", {"tag": "1"}),
        ("<sip:a;b?c,d@e?x=y>", "", "sip:a;b?c,d@e?x=y", {}),
        ("*", "", "*", {}),
    ],
)
def test_parts(text: str, display: str, uri: str, params: dict[str, str | None]) -> None:
    address = NameAddress.parse(text)

    assert address == (display, uri, params)
    assert NameAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@b",
        "sip:a@b>",
        "alice",
        "<alice@b>",
        '"open <sip:a@b>',
        '"name" sip:a@b',
        'na"me <sip:a@b>',
        "< sip:a@b >",
        "<sip:a@b>garbage",
        "<sip:a@b><sip:c@d>",
        "<sip:a@b>;=1",
        "sip:a@b?x=y",
        "sip:a@b,sip:c@d",
        "sip:a b@c",
    ],
)
def test_malformed_addresses(text: str) -> None:
    with pytest.raises(HeaderError):
        NameAddress.parse(text)


def test_the_tag() -> None:
    assert NameAddress.parse("<sip:a@b>;tag=x").tag == "x"
    assert NameAddress.parse("<sip:a@b>;TAG=x;y").tag == "x"
    assert NameAddress.parse("<sip:a@b>").tag == ""


def test_star_is_written_as_star() -> None:
    assert str(NameAddress.parse("*")) == "*"


@given(st.text(st.characters(exclude_characters="\r\n")))
@settings(max_examples=200)
def test_any_display_name_survives(display: str) -> None:
    address = NameAddress(display, "sip:a@b", {"tag": "1"})

    assert NameAddress.parse(str(address)) == address
