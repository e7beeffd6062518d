import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.ng.messages import NgError
from media_relay.ng.options import Options


@pytest.mark.parametrize(
    "message",
    [
        {"replace": [b"origin", b"session connection"]},
        {"flags": [b"replace-origin", b"replace-session-connection"]},
        {"flags": [b"replace=origin", b"replace=session-connection"]},
        {"rtpp-flags": b"replace-origin  replace-session-connection"},
        {"rtpp flags": b"replace-origin replace-session-connection"},
    ],
)
def test_a_list_however_it_is_given(message: dict[str, list[bytes]]) -> None:
    words = [word.replace(" ", "-") for word in Options(dict(message)).words("replace")]
    assert words == ["origin", "session-connection"]


def test_what_kamailio_passes_on_as_one_string() -> None:
    text = "trust-address ICE=remove RTP/AVP direction=pub direction=priv rtcp-mux-demux TOS=184 to-tag=xyz"
    options = Options({"rtpp-flags": f"{text} codec-strip-G722".encode(), "to-tag": b"abc"})
    assert "trust-address" in options.flags
    assert options.text("ice") == "remove"
    assert options.transport_protocol == "RTP/AVP"
    assert options.words("direction") == ["pub", "priv"]
    assert options.words("rtcp-mux") == ["demux"]
    assert options.number("tos") == 184
    assert options.text("to-tag") == "xyz"
    assert options.codec_words("strip") == ["G722"]


@pytest.mark.parametrize(
    ("flags", "profile"),
    [
        ([], ""),
        ([b"SRTP"], "RTP/SAVP"),
        ([b"SRTP", b"AVPF"], "RTP/SAVPF"),
        ([b"RTP", b"AVPF"], "RTP/AVPF"),
        ([b"DTLS", b"AVPF"], "UDP/TLS/RTP/SAVPF"),
        ([b"RTP/SAVP"], "RTP/SAVP"),
    ],
)
def test_a_profile_put_together(flags: list[bytes], profile: str) -> None:
    assert Options({"flags": list(flags)}).transport_protocol == profile


@pytest.mark.parametrize(("value", "expected"), [(b"yes", True), (b"on", True), (b"off", False), (b"no", False)])
def test_a_switch(value: bytes, expected: bool) -> None:
    assert Options({"record call": value}).is_on("record-call") is expected
    assert Options({}).is_on("record-call") is None
    assert Options({"flags": [b"record-call"]}).is_on("record-call") is True


def test_numbers_as_digits_too() -> None:
    assert Options({"delete delay": b"30"}).number("delete-delay") == 30
    assert Options({"TOS": -1}).number("tos") == -1
    with pytest.raises(NgError):
        Options({"TOS": b"9" * 30}).number("tos")


@given(st.text(max_size=80))
def test_any_string_of_flags(text: str) -> None:
    try:
        Options({"rtpp-flags": text.encode("utf-8", "replace")})
    except NgError:
        pass
