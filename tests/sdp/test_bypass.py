import pytest

from sdp.bypass import hide_origin
from sdp.errors import NoCodecError, SdpError

BODY = (
    b"v=0\r\no=alice 2890844526 7 IN IP4 10.1.1.1\r\ns=-\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\n"
    b"m=audio 49172 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
)


def test_who_made_it_is_hidden_and_the_rest_is_kept() -> None:
    lines = hide_origin(BODY, 42).split(b"\r\n")
    assert lines[1] == b"o=- 42 7 IN IP4 127.0.0.1"
    assert [line for line in lines if not line.startswith(b"o=")] == [
        line for line in BODY.split(b"\r\n") if not line.startswith(b"o=")
    ]


def test_bare_line_feeds_stay_bare() -> None:
    assert hide_origin(BODY.replace(b"\r\n", b"\n"), 42) == hide_origin(BODY, 42).replace(b"\r\n", b"\n")


def test_only_the_named_codecs_are_left() -> None:
    hidden = hide_origin(BODY, 42, ["PCMA"])
    assert b"RTP/AVP 8\r\n" in hidden
    assert b"PCMU" not in hidden


def test_no_codec_left() -> None:
    with pytest.raises(NoCodecError):
        hide_origin(BODY, 42, ["G729"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        BODY.replace(b"o=alice", b"x=alice"),
        BODY.replace(b"IN IP4 10.1.1.1\r\ns", b"ATM\r\ns"),
        # A second o= line must not stand in for the first, which would then cross as it is.
        BODY.replace(b"o=alice 2890844526 7", b"o=alice\r\no=alice 2890844526 7"),
        BODY + b"a=" + b"x" * 70_000,
    ],
)
def test_what_has_no_valid_origin_does_not_cross(body: bytes) -> None:
    with pytest.raises(SdpError):
        hide_origin(body, 42)
