import pytest

from b2bua.sip.errors import HeaderError
from b2bua.sip.headers.cseq import CSeq


@pytest.mark.parametrize(
    ("text", "cseq"),
    [
        ("1 INVITE", CSeq(1, "INVITE")),
        ("0 INVITE", CSeq(0, "INVITE")),
        ("0009  \t ACK", CSeq(9, "ACK")),
        ("2147483647 invite", CSeq(2147483647, "invite")),
    ],
)
def test_number_and_method(text: str, cseq: CSeq) -> None:
    assert CSeq.parse(text) == cseq
    assert CSeq.parse(str(cseq)) == cseq


@pytest.mark.parametrize("text", ["", "1", "INVITE", "1INVITE", "-1 INVITE", "2147483648 INVITE", "\u0661 ACK"])
def test_malformed(text: str) -> None:
    with pytest.raises(HeaderError):
        CSeq.parse(text)
