import pytest

from sdp.address import Address
from sdp.errors import SdpError
from sdp.origin import Origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("- 4611731400430051336 2 IN IP4 127.0.0.1", Origin("-", "4611731400430051336", 2, Address.of("127.0.0.1"))),
        ("John Doe 1 18446744073709551615 IN IP6 ::1", Origin("John Doe", "1", 2**64 - 1, Address.of("::1"))),
    ],
)
def test_reads_and_writes(text: str, origin: Origin) -> None:
    assert Origin.parse(text) == origin
    assert str(origin) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1 2 IN IP4",
        "1 2 IN IP4 10.0.0.1",
        "- 1 x IN IP4 10.0.0.1",
        "- 1 2 IN X 10.0.0.1",
        f"- 1 {2**64} IN IP4 a",
    ],
)
def test_refuses_what_is_no_origin(text: str) -> None:
    with pytest.raises(SdpError):
        Origin.parse(text)
