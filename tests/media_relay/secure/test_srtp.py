"""Our use of libsrtp, against pylibsrtp's own Session as an independent peer where that can do it."""

import struct

import pytest
from pylibsrtp import Error, Policy, Session

from media_relay.secure.srtp import MAX_SOURCES, PacketBuffer, Position, Protector, Unprotector
from media_relay.secure.suites import SUITES, MasterKey, Suite
from tests.media_relay.media import rtp

CM_80 = SUITES["AES_CM_128_HMAC_SHA1_80"]
PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
SSRC = 0x1234


def key_of(suite: Suite, seed: int = 1) -> MasterKey:
    return MasterKey(suite, bytes((seed * 7 + at * 13) % 256 for at in range(suite.master)))


def report(ssrc: int = SSRC) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc)


class Box:
    """Packets in and out of one buffer."""

    def __init__(self) -> None:
        self.buffer = PacketBuffer(65536)

    def protect(self, protector: Protector, packet: bytes) -> bytes:
        self.buffer.data[: len(packet)] = packet
        return bytes(self.buffer.data[: protector.protect(self.buffer, len(packet))])

    def unprotect(self, unprotector: Unprotector, packet: bytes) -> bytes:
        self.buffer.data[: len(packet)] = packet
        return bytes(self.buffer.data[: unprotector.unprotect(self.buffer, len(packet))])

    def protect_rtcp(self, protector: Protector, packet: bytes) -> bytes:
        self.buffer.data[: len(packet)] = packet
        return bytes(self.buffer.data[: protector.protect_rtcp(self.buffer, len(packet))])

    def unprotect_rtcp(self, unprotector: Unprotector, packet: bytes) -> bytes:
        self.buffer.data[: len(packet)] = packet
        return bytes(self.buffer.data[: unprotector.unprotect_rtcp(self.buffer, len(packet))])


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.mark.parametrize("name", PROFILES)
def test_a_peer_understands_us_and_we_it(box: Box, name: str) -> None:
    key = key_of(SUITES[name])
    hears = Session(Policy(key.secret, Policy.SSRC_ANY_INBOUND, 0, PROFILES[name]))
    speaks = Session(Policy(key.secret, Policy.SSRC_ANY_OUTBOUND, 0, PROFILES[name]))
    protector, unprotector = Protector(key), Unprotector(key)
    for sequence in (*range(65530, 65536), *range(6)):
        packet = rtp(sequence)
        assert hears.unprotect(box.protect(protector, packet)) == packet
        assert box.unprotect(unprotector, speaks.protect(packet)) == packet
    assert protector.rollover(SSRC) == unprotector.rollover(SSRC) == 1
    assert hears.unprotect_rtcp(box.protect_rtcp(protector, report())) == report()
    assert box.unprotect_rtcp(unprotector, speaks.protect_rtcp(report())) == report()


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_every_suite_adds_its_tag_and_nothing_else(box: Box, suite: Suite) -> None:
    protector, unprotector = Protector(key_of(suite)), Unprotector(key_of(suite))
    packet = rtp(7)
    sealed = box.protect(protector, packet)
    assert len(sealed) == len(packet) + suite.tag
    assert sealed[:12] == packet[:12]
    assert sealed[12:172] != packet[12:]
    assert box.unprotect(unprotector, sealed) == packet
    assert box.unprotect_rtcp(unprotector, box.protect_rtcp(protector, report())) == report()


def test_packets_larger_than_pylibsrtp_takes(box: Box) -> None:
    packet = rtp(1) + bytes(8000)
    with pytest.raises(ValueError, match="too long"):
        Session(Policy(key_of(CM_80).secret, Policy.SSRC_ANY_OUTBOUND)).protect(packet)
    assert box.unprotect(Unprotector(key_of(CM_80)), box.protect(Protector(key_of(CM_80)), packet)) == packet


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_what_is_not_authentic_is_dropped(box: Box, suite: Suite) -> None:
    protector, unprotector = Protector(key_of(suite)), Unprotector(key_of(suite))
    sealed = box.protect(protector, rtp(1))
    for at in (1, 9, 50, len(sealed) - 1):
        forged = bytearray(sealed)
        forged[at] ^= 1
        assert box.unprotect(unprotector, bytes(forged)) == b""
    assert box.unprotect(unprotector, rtp(1)) == b""
    assert box.unprotect(Unprotector(key_of(suite, 2)), sealed) == b""
    assert box.unprotect(unprotector, sealed) == rtp(1)
    assert box.unprotect(unprotector, sealed) == b"", "replayed"


def test_forged_sources_leave_no_context(box: Box) -> None:
    protector, unprotector = Protector(key_of(CM_80)), Unprotector(key_of(CM_80))
    assert box.unprotect(unprotector, box.protect(protector, rtp(65535)))
    for ssrc in range(3 * MAX_SOURCES):
        assert box.unprotect(unprotector, rtp(1, ssrc=ssrc)) == b""
    assert box.unprotect(unprotector, box.protect(protector, rtp(0)))
    assert unprotector.rollover(SSRC) == 1


def test_a_sender_with_many_sources_is_heard_with_each(box: Box) -> None:
    unprotector = Unprotector(key_of(CM_80))
    for ssrc in range(2 * MAX_SOURCES):
        assert box.unprotect(unprotector, box.protect(Protector(key_of(CM_80)), rtp(1, ssrc=ssrc)))


def test_there_is_an_end_to_the_sources_that_are_encrypted(box: Box) -> None:
    protector = Protector(key_of(CM_80))
    for ssrc in range(MAX_SOURCES):
        assert box.protect(protector, rtp(1, ssrc=ssrc))
    assert box.protect(protector, rtp(1, ssrc=MAX_SOURCES)) == b""
    assert box.protect_rtcp(protector, report(MAX_SOURCES)) == b""
    assert box.protect(protector, rtp(2, ssrc=0))


@pytest.mark.parametrize(("last", "next_"), [(40000, 40001), (65000, 300), (300, 400), (65535, 0)])
def test_a_stream_goes_on_in_another_process(box: Box, last: int, next_: int) -> None:
    """Both of our ends are replaced while the peers' go on, 3 wraps into the stream."""
    key = key_of(CM_80)
    speaks, hears = (
        Session(Policy(key.secret, Policy.SSRC_ANY_OUTBOUND)),
        Session(Policy(key.secret, Policy.SSRC_ANY_INBOUND)),
    )
    before, after = Protector(key), Unprotector(key)
    for sequence in (*range(0, 3 * 65536 + last, 16384), 3 * 65536 + last):
        packet = rtp(sequence)
        assert hears.unprotect(box.protect(before, packet)) == packet
        assert box.unprotect(after, speaks.protect(packet)) == packet
    reports = [box.protect_rtcp(before, report()) for _ in range(5)]
    assert [hears.unprotect_rtcp(packet) for packet in reports] == [report()] * 5

    assert before.positions(SSRC, last) == {SSRC: Position(3, last, 5)}
    assert after.positions(SSRC, last) == {SSRC: Position(3, last)}
    protector = Protector(key, before.positions(SSRC, last))
    unprotector = Unprotector(key, after.positions(SSRC, last))
    assert protector.positions(None, 0) == before.positions(SSRC, last), "restarted again before any packet"
    assert hears.unprotect_rtcp(box.protect_rtcp(protector, report())) == report(), "an index that was used"
    packet = rtp(3 * 65536 + next_ + (65536 if next_ < last - 0x8000 else 0))
    assert hears.unprotect(box.protect(protector, packet)) == packet
    assert box.unprotect(unprotector, speaks.protect(packet)) == packet
    assert protector.positions(SSRC, next_)[SSRC].rtcp_sent > 5


def test_without_a_position_the_peers_could_not_be_understood(box: Box) -> None:
    key = key_of(CM_80)
    hears = Session(Policy(key.secret, Policy.SSRC_ANY_INBOUND))
    protector = Protector(key)
    for sequence in (60000, 65536):
        hears.unprotect(box.protect(protector, rtp(sequence)))
    with pytest.raises(Error):
        hears.unprotect(box.protect(Protector(key), rtp(65537)))


@pytest.mark.parametrize("size", range(12))
def test_what_is_too_short(box: Box, size: int) -> None:
    assert box.unprotect(Unprotector(key_of(CM_80)), bytes([0x80]) + bytes(12 + size)) == b""
