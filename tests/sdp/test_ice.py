import pytest

from sdp.errors import SdpError
from sdp.ice import Candidate


def test_reads_a_candidate_with_extensions() -> None:
    text = "1853887674 1 udp 1685987071 203.0.113.77 61500 typ srflx raddr 192.168.1.42 rport 54609 generation 0"
    assert Candidate.parse(text) == Candidate(
        "1853887674",
        1,
        "UDP",
        1685987071,
        "203.0.113.77",
        61500,
        "srflx",
        "raddr 192.168.1.42 rport 54609 generation 0",
    )


def test_reads_a_bare_candidate() -> None:
    assert Candidate.parse("1 2 UDP 3 host.local 4 typ host").extensions == ""


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1 1 udp 1 10.0.0.1 4",
        "1 1 udp 1 10.0.0.1 4 type host",
        "1 x udp 1 a 4 typ host",
        "1 1 udp 1 a 65536 typ host",
    ],
)
def test_refuses_what_is_no_candidate(value: str) -> None:
    with pytest.raises(SdpError):
        Candidate.parse(value)
