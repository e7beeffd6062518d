from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdp.address import Address
from sdp.document import MAX_BYTES, MAX_LINES, MAX_MEDIA_SECTIONS, Document, Origin, SdpError

HEAD = b"v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\n"

LINES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"m=audio 4000 RTP/AVP 0",
            b"m=video 0 RTP/AVP 31 \r",
            b"c=IN IP4 10.0.0.1",
            b"a=rtcp:1 IN IP6 ::1",
            b"a=rtpmap:0 PCMU/8000",
            b"a=sendonly",
            b"",
            b" ",
            b"\r",
        ]
    ),
)


def test_every_sample_comes_back_byte_for_byte(any_sample: bytes) -> None:
    assert Document.parse(any_sample).to_bytes() == any_sample


@settings(max_examples=300)
@given(st.lists(LINES), st.sampled_from([b"\r\n", b"\n"]), st.booleans())
def test_whatever_can_be_read_comes_back_byte_for_byte(lines: list[bytes], end: bytes, terminated: bool) -> None:
    data = end.join([b"v=0", *lines]) + end * terminated
    try:
        document = Document.parse(data)
    except SdpError:
        return
    assert document.to_bytes() == data


@settings(max_examples=300)
@given(st.binary() | st.binary().map(lambda tail: HEAD + b"m=audio " + tail))
def test_arbitrary_bytes_raise_nothing_but_sdp_errors(data: bytes) -> None:
    with suppress(SdpError):
        Document.parse(data)


def test_blank_lines_may_come_first() -> None:
    assert Document.parse(b" \r\n\r\n" + HEAD).origin.session_id == "1"


def test_sections_begin_at_media_lines() -> None:
    document = Document.parse(HEAD + b"m=audio 1 RTP/AVP 0\r\na=x\r\nm=video 2 RTP/AVP 31\r\n")
    assert [section.lines for section in document.media] == [
        ["m=audio 1 RTP/AVP 0", "a=x"],
        ["m=video 2 RTP/AVP 31"],
    ]
    assert document.session.lines[-1] == "s=-"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\x00" * 100,
        b"o=- 1 2 IN IP4 10.0.0.1\r\n",
        b"v=1\r\n",
        b"<xml/>",
        HEAD + b"m=audio\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 0\r\n",
        HEAD + b"m=audio -1 RTP/AVP 0\r\n",
        HEAD + "m=audio \u0664 RTP/AVP 0\r\n".encode(),
        HEAD + b"m=audio 4000/ RTP/AVP 0\r\n",
        HEAD + b"m=audio 4000/99999 RTP/AVP 0\r\n",
        HEAD + b"m=audio 4000 RTP/AVP" + b" 0" * 257 + b"\r\n",
        HEAD + b"m=audio " + b"9" * 5000 + b" RTP/AVP 0\r\n",
    ],
)
def test_refuses_what_is_no_description(data: bytes) -> None:
    with pytest.raises(SdpError):
        Document.parse(data)


def test_refuses_what_is_too_large() -> None:
    filler = b"a=" + b"x" * (MAX_BYTES - len(HEAD) - 2)
    assert Document.parse(HEAD + filler)
    with pytest.raises(SdpError):
        Document.parse(HEAD + filler + b"x")


def test_refuses_too_many_lines() -> None:
    assert Document.parse(b"v=0" + b"\n" * (MAX_LINES - 1))
    with pytest.raises(SdpError):
        Document.parse(b"v=0" + b"\n" * MAX_LINES)


def test_refuses_too_many_sections() -> None:
    section = b"m=audio 0 RTP/AVP 0\r\n"
    assert len(Document.parse(HEAD + section * MAX_MEDIA_SECTIONS).media) == MAX_MEDIA_SECTIONS
    with pytest.raises(SdpError):
        Document.parse(HEAD + section * (MAX_MEDIA_SECTIONS + 1))


def test_origin_is_read_and_replaced() -> None:
    document = Document.parse(HEAD)
    assert document.origin == Origin("-", "1", 2, Address("IP4", "10.0.0.1"))
    document.origin = Origin("pinhole", "7", 8, Address.of("2001:db8::1"))
    assert document.to_bytes() == b"v=0\r\no=pinhole 7 8 IN IP6 2001:db8::1\r\ns=-\r\n"


def test_a_missing_origin_is_an_error_only_when_asked_for() -> None:
    document = Document.parse(b"v=0\r\ns=-\r\n")
    with pytest.raises(SdpError):
        _ = document.origin


def test_bundles_name_their_sections() -> None:
    document = Document.parse(HEAD + b"a=group:LS 9\r\na=group:BUNDLE 0 1\r\na=group:\r\na=group:BUNDLE 2\r\n")
    assert document.bundles == [["0", "1"], ["2"]]


def test_lines_added_take_the_line_end_of_the_document() -> None:
    document = Document.parse(b"v=0\ns=-\n")
    document.session.add_attribute("tool", "x")
    assert document.to_bytes() == b"v=0\ns=-\na=tool:x\n"
