from collections.abc import Callable

import pytest

from sdp.codec_filter import filter_codecs
from sdp.document import Document, MediaSection
from sdp.section import Section


def media(*lines: str) -> MediaSection:
    return MediaSection(list(lines), Section([]))


def asterisk() -> MediaSection:
    return media(
        "m=audio 14866 RTP/AVP 8 0 9 96 101 102 13",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtcp-fb:96 nack",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=rtpmap:102 telephone-event/48000",
        "a=ptime:20",
    )


@pytest.mark.parametrize(
    ("strip", "keep", "formats"),
    [
        ([], [], "8 0 9 96 101 102 13"),
        (["G726"], [], "8 0 9 96 101 102 13"),
        (["pcmu", "G722"], [], "8 96 101 102 13"),
        (["opus"], [], "8 0 9 101 13"),
        (["opus/48000/2"], [], "8 0 9 101 13"),
        (["opus/48000/1"], [], "8 0 9 96 101 102 13"),
        (["opus/16000"], [], "8 0 9 96 101 102 13"),
        (["telephone-event"], [], "8 0 9 96 13"),
        (["telephone-event/48000"], [], "8 0 9 96 101 13"),
        (["all"], ["PCMA"], "8 101 13"),
        (["ALL"], ["opus"], "96 102"),
        (["all", "telephone-event"], ["PCMA"], "8 13"),
        (["PCMA", "opus"], ["PCMA"], "8 0 9 101 13"),
    ],
)
def test_strips_codecs_and_what_belongs_to_them(strip: list[str], keep: list[str], formats: str) -> None:
    section = asterisk()
    assert filter_codecs(section, strip, keep)
    assert section.formats == formats.split()
    assert section.lines[0] == f"m=audio 14866 RTP/AVP {formats}"


def test_lines_of_removed_payload_types_go_and_others_stay() -> None:
    section = asterisk()
    filter_codecs(section, ["opus"])
    assert section.lines[1:] == [
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
    ]


@pytest.mark.parametrize("strip", [["all"], ["PCMA", "PCMU", "G722", "opus"]])
def test_the_last_codec_is_never_taken(strip: list[str]) -> None:
    section = asterisk()
    assert not filter_codecs(section, strip)
    assert section.lines == asterisk().lines


def test_retransmission_and_redundancy_follow_their_codec(sample: Callable[[str], Document]) -> None:
    audio, video = sample("chrome-offer").media
    assert filter_codecs(audio, ["opus"])
    assert audio.formats == ["9", "0", "8", "13", "126"]
    assert filter_codecs(video, ["VP8", "AV1"])
    assert video.formats == ["102", "103"]
    assert video.attributes("fmtp") == [
        "102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
        "103 apt=102",
    ]
    assert "a=rtcp-rsize" in video.lines


def test_names_are_read_in_any_case() -> None:
    section = media(
        "m=video 1 RTP/AVPF 34 96 97",
        "a=rtpmap:96 vp8/90000",
        "a=rtpmap:97 RTX/90000",
        "a=fmtp:97 rtx-time=3000; APT=96",
    )
    assert filter_codecs(section, ["H264"])
    assert section.formats == ["34", "96", "97"]
    assert filter_codecs(section, ["VP8"])
    assert section.formats == ["34"]


def test_a_telephone_event_alone_is_no_codec() -> None:
    section = media("m=audio 1 RTP/AVP 0 101", "a=rtpmap:101 TELEPHONE-EVENT/8000")
    assert not filter_codecs(section, ["PCMU"], ["telephone-event"])


def test_feedback_for_all_payload_types_stays() -> None:
    section = media("m=video 1 RTP/AVPF 34 96", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:* nack", "a=rtcp-fb:96 ccm fir")
    assert filter_codecs(section, ["VP8"])
    assert section.lines == ["m=video 1 RTP/AVPF 34", "a=rtcp-fb:* nack"]


def test_an_unnamed_payload_type_falls_only_to_all() -> None:
    section = media("m=audio 1 RTP/AVP 0 96")
    assert filter_codecs(section, ["opus"])
    assert section.formats == ["0", "96"]
    assert filter_codecs(section, ["all"], ["PCMU"])
    assert section.formats == ["0"]


def test_media_without_rtp_is_left_alone(sample: Callable[[str], Document]) -> None:
    section = sample("t38-reinvite").media[0]
    before = section.lines.copy()
    assert filter_codecs(section, ["all"])
    assert section.lines == before
