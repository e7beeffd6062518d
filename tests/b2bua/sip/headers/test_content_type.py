import pytest

from b2bua.sip.errors import HeaderError
from b2bua.sip.headers.content_type import ContentType


def test_type_and_parameters() -> None:
    content_type = ContentType.parse('Multipart / Mixed ; boundary="a;b"')

    assert content_type == ("multipart/mixed", {"boundary": '"a;b"'})
    assert str(content_type) == 'multipart/mixed;boundary="a;b"'


@pytest.mark.parametrize("text", ["", "application", "application/", "/sdp", "application/sdp x", "a/b/c"])
def test_malformed(text: str) -> None:
    with pytest.raises(HeaderError):
        ContentType.parse(text)
