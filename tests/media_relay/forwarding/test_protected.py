"""SRTP through the userspace engine, with pylibsrtp's own sessions as the phones'."""

import asyncio
import struct
from time import monotonic

import pytest
from pylibsrtp import Policy, Session

from media_relay.secure.srtp import Protector, Unprotector
from media_relay.secure.suites import SUITES, MasterKey
from tests.media_relay.forwarding.engine import Engine, expected, run, until
from tests.media_relay.media import Phone, receiver_report, rtp

SUITE = SUITES["AES_CM_128_HMAC_SHA1_80"]
TAG = SUITE.tag


def key(seed: int) -> MasterKey:
    return MasterKey(SUITE, bytes([seed]) * SUITE.master)


class SecurePhone:
    """A phone's SRTP sessions: it encrypts with one key and decrypts with another."""

    def __init__(self, phone: Phone, own: MasterKey, relays: MasterKey) -> None:
        self.phone = phone
        self.out = Session(Policy(own.secret, Policy.SSRC_ANY_OUTBOUND))
        self.in_ = Session(Policy(relays.secret, Policy.SSRC_ANY_INBOUND))

    def send(self, packet: bytes, port: int) -> None:
        self.phone.send(self.out.protect(packet), port)

    async def receive(self) -> bytes:
        return self.in_.unprotect(await asyncio.to_thread(self.phone.receive))


def secure_a(engine: Engine) -> SecurePhone:
    engine.facing_a.unprotector, engine.facing_a.protector = Unprotector(key(1)), Protector(key(2))
    engine.refresh()
    return SecurePhone(engine.a, key(1), key(2))


def secure_b(engine: Engine) -> SecurePhone:
    engine.facing_b.unprotector, engine.facing_b.protector = Unprotector(key(3)), Protector(key(4))
    engine.refresh()
    return SecurePhone(engine.b, key(3), key(4))


def test_encrypted_on_one_side() -> None:
    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        for sequence in range(65533, 65540):
            a.send(rtp(sequence), engine.facing_a.port)
            assert await asyncio.to_thread(engine.b.receive) == rtp(sequence)
            engine.b.send(rtp(sequence), engine.facing_b.port)
            assert await a.receive() == rtp(sequence)
        assert engine.facing_a.reception.lost == 0
        assert engine.facing_a.octets == 7 * 172

    run(scenario)


def test_encrypted_on_both_sides_with_different_keys() -> None:
    async def scenario(engine: Engine) -> None:
        a, b = secure_a(engine), secure_b(engine)
        for sequence in range(5):
            a.send(rtp(sequence), engine.facing_a.port)
            assert await b.receive() == rtp(sequence)
            b.send(rtp(sequence), engine.facing_b.port)
            assert await a.receive() == rtp(sequence)

    run(scenario)


def test_rtcp_is_decrypted_and_its_reports_read() -> None:
    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        engine.a.send(a.out.protect_rtcp(receiver_report(jitter=80)), engine.facing_a.port)
        assert await asyncio.to_thread(engine.b.receive) == receiver_report(jitter=80)
        assert engine.facing_a.report is not None
        assert engine.facing_a.report.jitter == 80
        engine.b.send(receiver_report(), engine.facing_b.port)
        assert a.in_.unprotect_rtcp(await asyncio.to_thread(engine.a.receive)) == receiver_report()

    run(scenario)


def test_large_packets() -> None:
    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        packet = rtp(1) + bytes(1300)
        engine.b.send(packet, engine.facing_b.port)
        sealed = await asyncio.to_thread(engine.a.receive)
        assert len(sealed) == len(packet) + TAG
        assert a.in_.unprotect(sealed) == packet

    run(scenario)


def test_nobody_is_learned_by_a_forged_packet() -> None:
    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        engine.facing_a.latch.expect(None, None, monotonic() + 60)
        stranger = Phone()
        with expected(engine.facing_a):
            stranger.send(rtp(1), engine.facing_a.port)
            stranger.send(
                Session(Policy(key(9).secret, Policy.SSRC_ANY_OUTBOUND)).protect(rtp(2)), engine.facing_a.port
            )
            await until(lambda: engine.facing_a.forged == 2)
        assert engine.facing_a.latch.source is None
        a.send(rtp(3), engine.facing_a.port)
        assert await asyncio.to_thread(engine.b.receive) == rtp(3)
        assert engine.facing_a.latch.source == (engine.a.host, engine.a.port)
        stranger.close()

    run(scenario)


def test_a_strangers_flood_is_not_deciphered() -> None:
    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        a.send(rtp(1), engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 1)
        stranger = Phone()
        with expected(engine.facing_a, refused=20):
            for sequence in range(20):
                stranger.send(rtp(sequence), engine.facing_a.port)
            await until(lambda: engine.facing_a.refused == 20)
        assert engine.facing_a.forged == 0
        stranger.close()

    run(scenario)


def test_the_rollover_counter_outlives_a_move_and_a_new_window() -> None:
    """The phone comes from another port after a re-INVITE, wraps included."""

    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        for sequence in (65534, 65535, 65536):
            a.send(rtp(sequence), engine.facing_a.port)
            assert await asyncio.to_thread(engine.b.receive) == rtp(sequence)
        moved = Phone()
        engine.facing_a.latch.expect((moved.host, moved.port), None, monotonic() + 60)
        engine.refresh()
        a.phone = moved
        for sequence in (65537, 65538):
            a.send(rtp(sequence), engine.facing_a.port)
            assert await asyncio.to_thread(engine.b.receive) == rtp(sequence)
            engine.b.send(rtp(sequence), engine.facing_b.port)
            assert await a.receive() == rtp(sequence)
        assert engine.facing_a.unprotector is not None
        assert engine.facing_a.unprotector.rollover(0x1234) == 1
        moved.close()

    run(scenario)


def test_spoofed_packets_from_the_phones_own_address() -> None:
    """Other sources, old and far sequence numbers, replays: none passes, and the phone is still understood."""

    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        sent = [rtp(sequence) for sequence in range(10)]
        sealed = [a.out.protect(packet) for packet in sent]
        for packet in sealed[:5]:
            engine.a.send(packet, engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 5)
        forged = [rtp(30000), rtp(4, ssrc=0x9999), *sealed[:5], sealed[5][:-1], sealed[5] + b"x"]
        for packet in forged:
            engine.a.send(packet, engine.facing_a.port)
        await until(lambda: engine.facing_a.forged == len(forged))
        for packet in sealed[5:]:
            engine.a.send(packet, engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 10)
        assert engine.b.inbox == sent
        assert engine.facing_a.reception.lost == 0

    run(scenario)


@pytest.mark.parametrize(
    "packet", [b"", b"\x80", struct.pack("!BBHI", 0x80, 201, 1, 7), b"\x80" * 13, b"\xbf" + b"\x00" * 40]
)
def test_garbage_from_the_phones_own_address(packet: bytes) -> None:
    async def scenario(engine: Engine) -> None:
        a = secure_a(engine)
        engine.a.send(packet, engine.facing_a.port)
        a.send(rtp(1), engine.facing_a.port)
        assert await asyncio.to_thread(engine.b.receive) == rtp(1)
        assert engine.facing_a.packets == 1

    run(scenario)


def test_more_sources_than_any_phone_has() -> None:
    async def scenario(engine: Engine) -> None:
        secure_a(engine)
        for ssrc in range(200):
            engine.b.send(rtp(1, ssrc=ssrc), engine.facing_b.port)
        await until(lambda: engine.facing_b.packets == 200)
        assert engine.facing_b.unsent == 72

    run(scenario)
