from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdp.address import Address, Endpoint
from sdp.document import Document, MediaSection
from sdp.errors import SdpError
from sdp.media import Direction
from sdp.section import Section

VIEWS = [
    name
    for name, member in vars(MediaSection).items()
    if isinstance(member, property)  # every typed view, so that a new one is tested without being listed
]


def media(text: str, session: str = "") -> MediaSection:
    return MediaSection(text.split("\n"), Section(session.split("\n")))


def test_media_line(sample: Callable[[str], Document]) -> None:
    section = sample("cisco-cube").media[0]
    assert (section.kind, section.port, section.port_count) == ("audio", 17394, 1)
    assert (section.protocol, section.formats) == ("RTP/AVP", ["18", "0", "101", "19"])


def test_media_line_is_written_only_when_changed() -> None:
    section = media("m=audio  4000/2  RTP/AVP  0 8 ")
    assert section.lines == ["m=audio  4000/2  RTP/AVP  0 8 "]
    section.formats = ["8"]
    assert section.lines == ["m=audio 4000/2 RTP/AVP 8"]
    section.port = 5000
    assert section.lines == ["m=audio 5000 RTP/AVP 8"]
    assert section.port_count == 1
    section.protocol = "RTP/SAVP"
    assert section.lines == ["m=audio 5000 RTP/SAVP 8"]


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port_outside_the_range_is_written(port: int) -> None:
    with pytest.raises(ValueError, match="not a port"):
        media("m=audio 4000 RTP/AVP 0").port = port


@pytest.mark.parametrize(
    ("protocol", "is_rtp"),
    [
        ("RTP/AVP", True),
        ("RTP/SAVPF", True),
        ("UDP/TLS/RTP/SAVPF", True),
        ("TCP/RTP/AVP", True),
        ("udptl", False),
        ("TCP/MSRP", False),
        ("UDP/BFCP", False),
        ("UDP/DTLS/SCTP", False),
    ],
)
def test_rtp_is_known_by_its_protocol(protocol: str, is_rtp: bool) -> None:
    assert media(f"m=audio 1 {protocol} 0").is_rtp is is_rtp


def test_connection_of_the_section_comes_before_the_sessions(sample: Callable[[str], Document]) -> None:
    assert sample("cisco-cube").media[0].connection == Address("IP4", "198.51.100.21")
    assert sample("asterisk-offer").media[0].connection == Address("IP4", "10.20.0.5")


def test_no_connection_is_legal_for_a_rejected_section(sample: Callable[[str], Document]) -> None:
    rejected = sample("connection-per-media").media[2]
    assert rejected.is_rejected
    assert rejected.connection is None
    assert rejected.rtp_endpoint is None
    assert rejected.rtcp_endpoint is None


def test_bundle_only_is_not_rejected(sample: Callable[[str], Document]) -> None:
    bundled = sample("firefox-offer").media[1]
    assert bundled.port == 0
    assert not bundled.is_rejected


V4, V6 = Address.of("10.0.0.1"), Address.of("2001:db8::1")


@pytest.mark.parametrize(
    ("port", "attribute", "endpoint"),
    [
        (4000, "a=x", Endpoint(V4, 4001)),
        (4001, "a=x", Endpoint(V4, 4002)),
        (65535, "a=x", None),
        (0, "a=rtcp:5", None),
        (4000, "a=rtcp:5555", Endpoint(V4, 5555)),
        (4000, "a=rtcp:5555  IN IP6 2001:db8::1", Endpoint(V6, 5555)),
        (4000, "a=rtcp: 4000 ", Endpoint(V4, 4000)),
        (4000, "a=rtcp:0", None),
        (4000, "a=rtcp", Endpoint(V4, 4001)),
        (4000, "a=rtcp-mux", Endpoint(V4, 4001)),
    ],
)
def test_rtcp_endpoint(port: int, attribute: str, endpoint: Endpoint | None) -> None:
    assert media(f"m=audio {port} RTP/AVP 0\n{attribute}", "c=IN IP4 10.0.0.1").rtcp_endpoint == endpoint


def test_only_rtp_has_rtcp(sample: Callable[[str], Document]) -> None:
    fax = sample("t38-reinvite").media[0]
    assert fax.rtp_endpoint == Endpoint(Address.of("203.0.113.9"), 40102)
    assert fax.rtcp_endpoint is None
    assert fax.codecs == []


@pytest.mark.parametrize(
    ("attribute", "mux", "only"),
    [("a=rtcp:1", False, False), ("a=rtcp-mux", True, False), ("a=rtcp-mux-only", True, True)],
)
def test_rtcp_mux(attribute: str, mux: bool, only: bool) -> None:
    section = media(f"m=audio 1 RTP/AVP 0\n{attribute}")
    assert (section.rtcp_mux, section.rtcp_mux_only) == (mux, only)


def test_direction_is_inherited_and_defaults_to_both_ways(sample: Callable[[str], Document]) -> None:
    audio, video = sample("hold-inactive-session-level").media
    assert (audio.direction, video.direction) == (Direction.INACTIVE, Direction.SENDONLY)
    assert sample("cisco-cube").media[0].direction is Direction.SENDRECV
    assert sample("stray-whitespace").media[0].direction is Direction.SENDONLY


def test_setting_the_direction_leaves_one() -> None:
    section = media("m=audio 1 RTP/AVP 0\na=recvonly\na=ptime:20\na=sendrecv")
    section.direction = Direction.INACTIVE
    assert section.lines == ["m=audio 1 RTP/AVP 0", "a=ptime:20", "a=inactive"]


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ("a=sendrecv", False),
        ("a=recvonly", False),
        ("a=sendonly", True),
        ("a=inactive", True),
        ("c=IN IP4 0.0.0.0", True),
        ("c=IN IP6 ::", True),
        ("c=IN IP4 0.0.0.0\na=ice-ufrag:x", False),
    ],
)
def test_hold(lines: str, held: bool) -> None:
    assert media(f"m=audio 9 RTP/AVP 0\n{lines}", "c=IN IP4 10.0.0.1").is_held is held


def test_a_rejected_section_is_not_held() -> None:
    assert not media("m=audio 0 RTP/AVP 0\na=inactive").is_held


def test_dtls_and_ice_of_browsers(sample: Callable[[str], Document]) -> None:
    for name in ("chrome-offer", "firefox-offer"):  # Firefox has its fingerprint at session level
        dtls = sample(name).media[0].dtls
        assert dtls is not None
        assert dtls.setup == "actpass"
        assert dtls.fingerprints[0][0] == "sha-256"
    ice = sample("chrome-offer").media[0].ice
    assert ice is not None
    assert (ice.ufrag, ice.options, ice.is_lite) == ("F7gI", ["trickle"], False)
    assert [candidate.kind for candidate in ice.candidates] == ["host", "host", "srflx", "host"]


def test_plain_rtp_has_neither_dtls_nor_ice(sample: Callable[[str], Document]) -> None:
    section = sample("asterisk-offer").media[0]
    assert section.dtls is None
    assert section.ice is None
    assert section.cryptos == []


def test_crypto_lines_of_teams(sample: Callable[[str], Document]) -> None:
    first, second = sample("teams-sdes").media[0].cryptos
    assert (first.tag, first.suite) == (1, "AES_CM_128_HMAC_SHA1_80")
    assert second.session_params == ("UNENCRYPTED_SRTCP",)


def test_every_view_of_every_sample_can_be_read(any_sample: bytes) -> None:
    for section in Document.parse(any_sample).media:
        for view in VIEWS:
            getattr(section, view)


HOSTILE = st.tuples(
    st.sampled_from(["c=", "a=rtcp:", "a=rtpmap:", "a=fmtp:", "a=crypto:", "a=fingerprint:", "a=candidate:", "a="]),
    st.text(max_size=20) | st.sampled_from(["0 PCMU/8000", "0 /", "0 x/y/z", "IN IP4 ", "1 2 udp 3 h 4 typ"]),
).map("".join)


@settings(max_examples=200)
@given(st.lists(HOSTILE, max_size=4), st.sampled_from(["0", "* 8", "", "256", "x"]))
def test_views_raise_nothing_but_sdp_errors(lines: list[str], formats: str) -> None:
    section = MediaSection([f"m=audio 4 RTP/AVP {formats}", *lines, "a=ice-ufrag:u", "a=ice-pwd:p"], Section(lines))
    for view in VIEWS:
        with suppress(SdpError):
            getattr(section, view)
