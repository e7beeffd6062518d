import asyncio
import struct
from time import monotonic

import pytest

from media_relay.digits import Digits
from media_relay.forwarding import PortUnavailableError
from tests.media_relay.forwarding.engine import Engine, expected, run, until
from tests.media_relay.media import Phone, receiver_report, rtp

STUN = bytes.fromhex("000100002112a442") + bytes(12)
DTLS = bytes.fromhex("16fefd") + bytes(40)


def test_packets_cross_both_ways_and_are_counted() -> None:
    async def scenario(engine: Engine) -> None:
        sent = [engine.a.send_rtp(engine.facing_a.port) for _ in range(50)]
        back = engine.b.send_rtp(engine.facing_b.port)
        await until(lambda: engine.facing_a.packets == 50 and engine.facing_b.packets == 1)
        assert engine.b.inbox == sent
        assert engine.a.receive_from() == (back, engine.facing_a.port)
        assert engine.facing_a.octets == 50 * 172
        assert engine.facing_a.reception.lost == 0
        assert engine.facing_a.reception.ssrc == 0x1234
        assert engine.facing_a.last_seen == pytest.approx(monotonic(), abs=2.0)

    run(scenario)


def test_the_first_wake_up_after_silence() -> None:
    async def scenario(engine: Engine) -> None:
        for count in (1, 2):
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda count=count: engine.facing_a.packets == count)  # type: ignore[misc]  # a bound default
            await asyncio.sleep(0.05)  # longer than the engine keeps looking by itself

    run(scenario)


def test_strangers_are_refused_and_counted() -> None:
    async def scenario(engine: Engine) -> None:
        stranger = Phone()
        engine.a.send_rtp(engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 1)
        with expected(engine.facing_a, refused=1):
            stranger.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.refused == 1)
        engine.b.send_rtp(engine.facing_b.port)
        assert await asyncio.to_thread(engine.a.receive)
        assert stranger.inbox == []
        stranger.close()

    run(scenario)


def test_a_phone_that_moves_is_followed_in_a_new_window_only() -> None:
    async def scenario(engine: Engine) -> None:
        moved = Phone()
        engine.a.send_rtp(engine.facing_a.port)
        engine.b.send_rtp(engine.facing_b.port)
        await until(lambda: engine.facing_a.packets == engine.facing_b.packets == 1)
        with expected(engine.facing_a, refused=1):
            moved.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.refused == 1)

        engine.facing_a.latch.expect((moved.host, moved.port), None, monotonic() + 60)
        engine.forwarder.refresh(engine.facing_a)
        engine.b.send_rtp(engine.facing_b.port)
        assert await asyncio.to_thread(moved.receive_from)
        for _ in range(3):
            moved.send_rtp(engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 4)
        with expected(engine.facing_a, refused=1):
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.refused == 2)
        moved.close()

    run(scenario)


def test_a_source_that_was_learned_is_judged_anew_like_any_other() -> None:
    async def scenario(engine: Engine) -> None:
        engine.a.send_rtp(engine.facing_a.port)
        engine.b.send_rtp(engine.facing_b.port)
        await until(lambda: engine.facing_a.packets == engine.facing_b.packets == 1)
        engine.facing_a.latch.expect(("192.0.2.9", 9), None, open_until=0.0)
        engine.forwarder.refresh(engine.facing_a)
        with expected(engine.facing_a, refused=1):
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.refused == 1)

    run(scenario)


def test_a_source_that_is_confirmed_in_a_new_window_goes_on() -> None:
    async def scenario(engine: Engine) -> None:
        for count in range(1, 5):
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda count=count: engine.facing_a.packets == count)  # type: ignore[misc]  # a bound default
            engine.facing_a.latch.reopen(monotonic() + 60)
            engine.forwarder.refresh(engine.facing_a)
        assert engine.facing_a.reception.lost == 0
        engine.b.send_rtp(engine.facing_b.port)
        assert await asyncio.to_thread(engine.a.receive)

    run(scenario)


def test_a_burst_stays_in_order_while_its_source_is_learned() -> None:
    async def scenario(engine: Engine) -> None:
        sent = [engine.a.send_rtp(engine.facing_a.port) for _ in range(200)]  # more than is taken at one wake-up
        await until(lambda: engine.facing_a.packets > 0)
        sent += [engine.a.send_rtp(engine.facing_a.port) for _ in range(10)]  # these come to the private socket
        await until(lambda: engine.facing_a.packets == 210)
        assert engine.b.inbox == sent

    run(scenario)


def test_audio_gives_way_to_fax_on_a_port_that_has_learned() -> None:
    async def scenario(engine: Engine) -> None:
        engine.a.send_rtp(engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 1)
        engine.b.receive()
        engine.facing_a.carries_rtp = False
        engine.forwarder.refresh(engine.facing_a)
        engine.a.send(b"\x00\x01fax", engine.facing_a.port)
        assert await asyncio.to_thread(engine.b.receive) == b"\x00\x01fax"

    run(scenario)


@pytest.mark.parametrize(
    "garbage", [b"", b"\x80", STUN, DTLS, rtp(1)[:11], b"\xc0" + rtp(1)[1:], b"GET / HTTP/1.1\r\n"]
)
def test_what_is_no_rtp_is_dropped_and_learned_from_by_nobody(garbage: bytes) -> None:
    async def scenario(engine: Engine) -> None:
        with expected(engine.facing_a, malformed=1):
            engine.a.send(garbage, engine.facing_a.port)
            await until(lambda: engine.facing_a.malformed == 1)
        assert engine.facing_a.latch.source is None

    run(scenario)


def test_dtls_passes_where_it_is_due_and_other_media_pass_as_they_are() -> None:
    async def scenario(engine: Engine) -> None:
        engine.facing_a.dtls = True
        engine.a.send(DTLS, engine.facing_a.port)
        assert await asyncio.to_thread(engine.b.receive) == DTLS
        engine.facing_b.carries_rtp = False
        for data in (b"\x00\x01udptl", receiver_report()):
            engine.b.send(data, engine.facing_b.port)
            assert await asyncio.to_thread(engine.a.receive) == data

    run(scenario)


def test_rtcp_leaves_by_its_own_exit_and_its_report_is_read() -> None:
    async def scenario(engine: Engine) -> None:
        rtcp_phone = Phone()
        rtcp_port = engine.open(rtcp_phone)
        engine.facing_a.rtcp_exit = rtcp_port
        rtcp_port.rtcp_exit = engine.facing_a
        report = receiver_report(fraction_lost=25, jitter=80)
        engine.a.send(report, engine.facing_a.port)
        assert await asyncio.to_thread(rtcp_phone.receive_from) == (report, rtcp_port.port)
        assert engine.facing_a.report is not None
        assert (engine.facing_a.report.fraction_lost, engine.facing_a.report.jitter) == (25, 80)
        rtcp_phone.send(report, rtcp_port.port)
        assert await asyncio.to_thread(engine.a.receive_from) == (report, engine.facing_a.port)
        rtcp_phone.close()

    run(scenario)


def test_nowhere_to_send_is_counted() -> None:
    async def scenario(engine: Engine) -> None:
        with expected(engine.facing_a, packets=3, unsent=3):
            engine.facing_b.latch.expect(None, None, 0.0)
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.unsent == 1)
            engine.facing_b.latch.expect(("::1", 9), None, 0.0)  # another family than the port's
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.unsent == 2)
            engine.facing_a.rtp_exit = None
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda: engine.facing_a.unsent == 3)

    run(scenario)


def test_a_peer_that_is_gone_does_not_disturb() -> None:
    async def scenario(engine: Engine) -> None:
        engine.b.close()
        for count in range(1, 20):  # ICMP says that nobody listens, after the first
            engine.a.send_rtp(engine.facing_a.port)
            await until(lambda count=count: engine.facing_a.packets == count)  # type: ignore[misc]  # a bound default

    run(scenario)


def test_a_flood_at_one_port_leaves_the_others_their_turn() -> None:
    async def scenario(engine: Engine) -> None:
        stranger = Phone()
        engine.a.send_rtp(engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 1)
        for _ in range(400):
            stranger.send_rtp(engine.facing_a.port)
        engine.b.send_rtp(engine.facing_b.port)
        await until(lambda: engine.facing_b.packets == 1)
        assert engine.facing_a.refused < 400
        stranger.close()

    run(scenario)


def test_ip6() -> None:
    async def scenario(engine: Engine) -> None:
        six = Phone("::1")
        port = engine.open(six)
        port.rtp_exit, engine.facing_a.rtp_exit = engine.facing_a, port
        packet = engine.a.send_rtp(engine.facing_a.port)
        assert await asyncio.to_thread(six.receive) == packet
        packet = six.send_rtp(port.port)
        assert await asyncio.to_thread(engine.a.receive) == packet
        six.close()

    run(scenario)


def test_a_port_that_is_taken() -> None:
    async def scenario(engine: Engine) -> None:
        with pytest.raises(PortUnavailableError):
            engine.forwarder.open("127.0.0.1", engine.a.port)
        with pytest.raises(PortUnavailableError):
            engine.forwarder.open("192.0.2.1", 30000)  # not an address of this machine

    run(scenario)


def test_a_closed_port_is_free_again() -> None:
    async def scenario(engine: Engine) -> None:
        number = engine.facing_a.port
        engine.forwarder.close(engine.facing_a)
        engine.facing_a = engine.forwarder.open("127.0.0.1", number)

    run(scenario)


def test_keys_are_read_as_they_pass_by() -> None:
    async def scenario(engine: Engine) -> None:
        engine.facing_a.digits = Digits(frozenset({101}), 8000)
        engine.a.send_rtp(engine.facing_a.port)  # it is the short path that must not take the event
        await until(lambda: engine.facing_a.packets == 1)
        event = struct.pack("!BBHIIBBH", 0x80, 101, 1, 800, 0x1234, 7, 0x8A, 800)
        engine.a.send(event, engine.facing_a.port)
        await until(lambda: engine.facing_a.packets == 2)
        assert engine.facing_a.digits.news.popleft() == ("7", 100)
        assert engine.b.inbox[1] == event

    run(scenario)


def test_a_round_trip_is_measured_from_reports() -> None:
    async def scenario(engine: Engine) -> None:
        sender_report = struct.pack("!BBHIIIIII", 0x80, 200, 6, 1, 0xAAAABBBB, 0xCCCCDDDD, 0, 0, 0)
        engine.a.send(sender_report, engine.facing_a.port)
        assert await asyncio.to_thread(engine.b.receive) == sender_report
        await asyncio.sleep(0.05)  # the way to b and back
        block = struct.pack("!IIIIII", 1, 0, 0, 0, 0xBBBBCCCC, int(0.02 * 65536))
        engine.b.send(struct.pack("!BBHI", 0x81, 201, 7, 2) + block, engine.facing_b.port)
        assert await asyncio.to_thread(engine.a.receive)
        assert 0.03 <= engine.facing_b.round_trip_s < 1.0
        other = struct.pack("!IIIIII", 1, 0, 0, 0, 0x11112222, 0)
        measured = engine.facing_b.round_trip_s
        engine.b.send(struct.pack("!BBHI", 0x81, 201, 7, 2) + other, engine.facing_b.port)
        assert await asyncio.to_thread(engine.a.receive)
        assert engine.facing_b.round_trip_s == measured

    run(scenario)
