from collections.abc import Callable

import pytest

from sdp.codecs import Codec, parse_codecs
from sdp.document import Document
from sdp.errors import SdpError
from sdp.section import Section


def test_reads_codecs_in_order_of_preference(sample: Callable[[str], Document]) -> None:
    assert sample("cisco-cube").media[0].codecs == [
        Codec(18, "G729", 8000, fmtp="annexb=no"),
        Codec(0, "PCMU", 8000),
        Codec(101, "telephone-event", 8000, fmtp="0-16"),
        Codec(19, "CN", 8000),
    ]


def test_reads_channels_and_clock_rates(sample: Callable[[str], Document]) -> None:
    codecs = {codec.payload_type: codec for codec in sample("chrome-offer").media[0].codecs}
    assert codecs[111] == Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1")
    assert codecs[110].clock_rate == 48000


def test_static_payload_types_need_no_rtpmap() -> None:
    assert parse_codecs(Section(["a=fmtp:18 annexb=no"]), ["18", "10"]) == [
        Codec(18, "G729", 8000, 1, "annexb=no"),
        Codec(10, "L16", 44100, 2),
    ]


def test_a_dynamic_payload_type_without_rtpmap_has_no_name() -> None:
    assert parse_codecs(Section([]), ["96"]) == [Codec(96, "", 0)]


def test_the_first_rtpmap_of_a_payload_type_wins() -> None:
    section = Section(["a=rtpmap:96 opus/48000/2", "a=rtpmap:96 PCMU/8000"])
    assert parse_codecs(section, ["96"])[0].name == "opus"


def test_an_rtpmap_that_no_format_uses_may_be_nonsense() -> None:
    assert parse_codecs(Section(["a=rtpmap:97 nonsense"]), ["0"]) == [Codec(0, "PCMU", 8000)]


@pytest.mark.parametrize("rtpmap", ["opus", "opus/", "opus/x", "/8000", "two words/8000", "opus/48000/999"])
def test_refuses_malformed_rtpmaps(rtpmap: str) -> None:
    with pytest.raises(SdpError):
        parse_codecs(Section([f"a=rtpmap:96 {rtpmap}"]), ["96"])


@pytest.mark.parametrize("payload_type", ["128", "*", "-1", "t38", "08"])
def test_refuses_what_is_no_payload_type(payload_type: str) -> None:
    with pytest.raises(SdpError):
        parse_codecs(Section([]), [payload_type])


def test_a_payload_type_listed_twice_is_one_codec() -> None:
    assert parse_codecs(Section([]), ["0", "8", "0"]) == [Codec(0, "PCMU", 8000), Codec(8, "PCMA", 8000)]
