"""Offers and answers with keys in them, through the relay's core."""

import re
from base64 import b64encode

import pytest

from media_relay.ng.messages import NgError
from media_relay.secure.suites import SUITES
from tests.media_relay.harness import RelayBench, audio

SECURE, CLEAR = "RTP/SAVP", "RTP/AVP"
KEY_A = "inline:" + b64encode(b"a" * 30).decode()
KEY_B = "inline:" + b64encode(b"b" * 30).decode()
SUITE = "AES_CM_128_HMAC_SHA1_80"
SHORT = "AES_CM_128_HMAC_SHA1_32"


def secure(*cryptos: str, port: int = 4000, profile: str = SECURE, address: str = "203.0.113.1") -> str:
    sdp = audio(address, port, *(f"crypto:{crypto}" for crypto in cryptos))
    return sdp.replace("RTP/AVP", profile)


def cryptos(sdp: str) -> list[str]:
    return re.findall(r"^a=crypto:(.*?)\r?$", sdp, re.MULTILINE)


def profile(sdp: str) -> str:
    found = re.search(r"^m=\w+ \d+ (\S+)", sdp, re.MULTILINE)
    assert found
    return found[1]


def answer_with(offered: str, suite: str, key: str = KEY_B) -> str:
    """An answer that takes the first line of a suite."""
    tag = next(line.split()[0] for line in cryptos(offered) if line.split()[1] == suite)
    return secure(f"{tag} {suite} {key}", port=5000)


class Call:
    """A call whose ports can be looked at."""

    def __init__(self) -> None:
        self.bench = RelayBench()

    def offer(self, sdp: str, **fields: object) -> str:
        return self.bench.offer(sdp, **fields)  # type: ignore[arg-type]  # names and values of ng

    def answer(self, sdp: str, **fields: object) -> str:
        return self.bench.answer(sdp, **fields)  # type: ignore[arg-type]  # the same

    @property
    def streams(self):  # type: ignore[no-untyped-def]  # the call's two streams
        (dialogue,) = self.bench.relay.calls["c"].dialogues
        (_, first, second), *_ = dialogue.stream_pairs()
        return first, second

    def works(self) -> list[tuple[bool, bool]]:
        """Whether each side's ports decrypt and encrypt."""
        return [(stream.rtp.unprotector is not None, stream.rtp.protector is not None) for stream in self.streams]


@pytest.fixture
def call() -> Call:
    return Call()


def test_clear_to_encrypted(call: Call) -> None:
    offered = call.offer(audio(), transport_protocol=SECURE)
    assert profile(offered) == SECURE
    assert [line.split()[1] for line in cryptos(offered)] == list(SUITES)
    assert call.streams[0].rtp.rtp_exit is None, "nobody knows yet with what to encrypt"
    answered = call.answer(answer_with(offered, SUITE))
    assert (profile(answered), cryptos(answered)) == (CLEAR, [])
    assert call.works() == [(False, False), (True, True)]
    assert not call.streams[0].rtp.is_plain
    assert not call.streams[1].rtp.is_plain
    assert call.streams[1].rtp.unprotector.key.secret == b"b" * 30


def test_encrypted_to_clear(call: Call) -> None:
    offered = call.offer(secure(f"1 {SUITE} {KEY_A}"), transport_protocol=CLEAR)
    assert (profile(offered), cryptos(offered)) == (CLEAR, [])
    answered = call.answer(audio(port=5000))
    assert profile(answered) == SECURE
    ((tag, suite, key),) = [line.split() for line in cryptos(answered)]
    assert (tag, suite) == ("1", SUITE)
    assert key not in (KEY_A, KEY_B)
    assert call.works() == [(True, True), (False, False)]
    assert call.streams[0].rtp.unprotector.key.secret == b"a" * 30


def test_the_first_key_that_can_be_used_is_taken(call: Call) -> None:
    call.offer(
        secure("4 F8_128_HMAC_SHA1_80 inline:AAAA", f"3 {SUITE} {KEY_A}|2^31|1:4", f"2 {SHORT} {KEY_A}"),
        transport_protocol=CLEAR,
    )
    assert cryptos(call.answer(audio(port=5000)))[0].startswith(f"2 {SHORT} ")


def test_keys_that_pass_through_are_left_alone(call: Call) -> None:
    line = f"3 {SHORT} {KEY_A}|2^31|1:4"
    offered = call.offer(secure(line))
    assert cryptos(offered)[0] == line
    tags = [line.split()[0] for line in cryptos(offered)]
    assert len(set(tags)) == len(tags) == len(SUITES)
    answered = call.answer(answer_with(offered, SHORT))
    assert cryptos(answered) == [f"3 {SHORT} {KEY_B}"]
    assert call.works() == [(False, False), (False, False)]
    assert call.streams[0].rtp.is_plain


def test_each_side_its_own_suite(call: Call) -> None:
    offered = call.offer(secure(f"1 {SUITE} {KEY_A}"))
    answered = call.answer(answer_with(offered, SHORT))
    assert cryptos(answered)[0].startswith(f"1 {SUITE} ")
    assert KEY_B not in answered
    assert call.works() == [(True, True), (True, True)]


@pytest.mark.parametrize("flags", [{}, {"transport_protocol": CLEAR, "OSRTP": ["accept"]}])
def test_optional_encryption_that_is_taken(call: Call, flags: dict[str, object]) -> None:
    """RFC 8643."""
    offered = call.offer(secure(f"1 {SUITE} {KEY_A}", profile=CLEAR), **flags)
    assert profile(offered) == CLEAR
    assert bool(cryptos(offered)) is not bool(flags)
    answered = call.answer(audio(port=5000) if flags else answer_with(offered, SUITE).replace(SECURE, CLEAR))
    assert (profile(answered), len(cryptos(answered))) == (CLEAR, 1)
    assert call.works()[0] == (bool(flags), bool(flags))


@pytest.mark.parametrize("flags", [{}, {"transport_protocol": CLEAR}])
def test_optional_encryption_that_is_declined(call: Call, flags: dict[str, object]) -> None:
    call.offer(secure(f"1 {SUITE} {KEY_A}", profile=CLEAR), **flags)
    answered = call.answer(audio(port=5000))
    assert (profile(answered), cryptos(answered)) == (CLEAR, [])
    assert call.works() == [(False, False), (False, False)]
    assert call.streams[0].rtp.is_plain


def test_optional_encryption_that_we_offer(call: Call) -> None:
    offered = call.offer(audio(), transport_protocol=SECURE, OSRTP=["offer"])
    assert profile(offered) == CLEAR
    answered = call.answer(answer_with(offered, SUITE).replace(SECURE, CLEAR))
    assert (profile(answered), cryptos(answered)) == (CLEAR, [])
    assert call.works() == [(False, False), (True, True)]


def test_a_re_offer_keeps_keys_and_contexts(call: Call) -> None:
    flags = {"transport_protocol": SECURE}
    offered = call.offer(audio(), **flags)
    answered = call.answer(answer_with(offered, SUITE))
    before = call.streams[1].rtp.unprotector, call.streams[1].rtp.protector
    held = call.offer(audio("203.0.113.1", 4000, "sendonly", version=2), **flags)
    assert cryptos(held) == cryptos(offered)
    assert call.streams[0].rtp.rtp_exit is call.streams[1].rtp, "media goes on while it is renegotiated"
    assert call.answer(answer_with(held, SUITE)) == answered
    assert (call.streams[1].rtp.unprotector, call.streams[1].rtp.protector) == before


def test_the_other_side_may_renegotiate(call: Call) -> None:
    offered = call.offer(audio(), transport_protocol=SECURE)
    call.answer(answer_with(offered, SUITE))
    before = call.streams[1].rtp.unprotector
    tag = next(line.split()[0] for line in cryptos(offered) if SUITE in line)
    back = call.offer(secure(f"{tag} {SUITE} {KEY_B}", port=5000), from_tag="b", to_tag="a", transport_protocol=CLEAR)
    assert cryptos(back) == []
    answered = call.answer(audio(), from_tag="b", to_tag="a")
    assert cryptos(answered) == [line for line in cryptos(offered) if SUITE in line]
    assert call.streams[1].rtp.unprotector is before


def test_a_new_key_begins_anew(call: Call) -> None:
    offered = call.offer(audio(), transport_protocol=SECURE)
    call.answer(answer_with(offered, SUITE))
    before = call.streams[1].rtp.unprotector, call.streams[1].rtp.protector
    offered = call.offer(audio(), transport_protocol=SECURE)
    call.answer(answer_with(offered, SUITE, KEY_A))
    assert call.streams[1].rtp.unprotector is not before[0]
    assert call.streams[1].rtp.protector is before[1]


def test_how_keys_are_offered(call: Call) -> None:
    offered = call.offer(
        audio(), transport_protocol=SECURE, SDES=["no-AEAD_AES_256_GCM", f"order:{SHORT};{SUITE}", "lifetime"]
    )
    suites = [line.split()[1] for line in cryptos(offered)]
    assert suites[:2] == [SHORT, SUITE]
    assert "AEAD_AES_256_GCM" not in suites
    assert all(line.endswith("|2^31") for line in cryptos(offered))
    assert "=|" in cryptos(offered)[2]
    only = RelayBench().offer(audio(), transport_protocol=SECURE, SDES=[f"only-{SUITE}"])
    assert [line.split()[1] for line in cryptos(only)] == [SUITE]
    kept = RelayBench().offer(secure(f"1 {SUITE} {KEY_A}"), SDES=["nonew"])
    assert cryptos(kept) == [f"1 {SUITE} {KEY_A}"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (secure(port=5000), "without a key"),
        (secure(f"77 {SUITE} {KEY_B}", port=5000), "not offered"),
        (secure(f"1 {SUITE} {KEY_B}", port=5000), "not offered"),
        (secure(f"7 {SUITE} {KEY_B}", f"8 {SHORT} {KEY_B}", port=5000), "2 crypto"),
        (secure(f"7 {SUITE} inline:AAAA", port=5000), "3 bytes"),
    ],
)
def test_answers_that_would_leave_media_in_clear(call: Call, answer: str, reason: str) -> None:
    call.offer(audio(), transport_protocol=SECURE)
    with pytest.raises(NgError, match=reason) as caught:
        call.answer(answer)
    assert KEY_B not in str(caught.value)


def test_offers_whose_keys_cannot_be_used(call: Call) -> None:
    call.offer(secure("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"), transport_protocol=CLEAR)
    with pytest.raises(NgError, match="none of the offered keys"):
        call.answer(audio(port=5000))


def test_no_key_may_be_offered(call: Call) -> None:
    with pytest.raises(NgError, match="no key"):
        call.offer(audio(), transport_protocol=SECURE, SDES=["off"])


def test_dtls_passes_and_cannot_be_changed(call: Call) -> None:
    dtls = audio("203.0.113.1", 4000, "setup:actpass", "fingerprint:sha-256 " + ":".join(["AA"] * 32))
    dtls = dtls.replace(CLEAR, "UDP/TLS/RTP/SAVPF")
    assert "a=fingerprint" in call.offer(dtls)
    call.answer(dtls.replace("actpass", "active"))
    assert call.works() == [(False, False), (False, False)]
    with pytest.raises(NgError, match="cannot make RTP/AVP of UDP/TLS"):
        RelayBench().offer(dtls, transport_protocol=CLEAR)
