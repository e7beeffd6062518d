"""Calls that outlive the process that relays them: a real relay, killed and started again."""

import signal
import socket
import time
from base64 import b64decode, b64encode
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from tests.media_relay.harness import audio, ports_in
from tests.media_relay.media import Phone, receiver_report, rtp
from tests.media_relay.test_daemon import RunningRelay, StartRelay, start_relay
from tests.support.ng import NgError
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer

__all__ = ["start_relay"]  # a fixture

CLUSTER_KEY = "the secret that all nodes of a test share"
SUITE = "AES_CM_128_HMAC_SHA1_80"
OWN, SSRC = b"p" * 30, 0x1234
SIGNALS = pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["crash", "restart"])
MAX_GAP_S = 2.0


def secured(relay: RunningRelay, call: str = "c1") -> tuple[int, int, Session, Session]:
    """A call from phone a in clear to phone b with SRTP; our ports, and what b encrypts and decrypts with."""
    flags: dict[str, Any] = {"replace": ["origin"], "SDES": [f"only-{SUITE}"]}
    offered = relay.request(
        "offer", call, sdp=audio(relay.a.host, relay.a.port), transport_protocol="RTP/SAVP", **flags
    )["sdp"]
    ours = next(line for line in offered.split("\r\n") if line.startswith("a=crypto")).split("inline:")[1]
    answer = audio(relay.b.host, relay.b.port, f"crypto:1 {SUITE} inline:{b64encode(OWN).decode()}")
    answered = relay.request("answer", call, to_tag="b", sdp=answer.replace("RTP/AVP", "RTP/SAVP"), **flags)["sdp"]
    hears = Session(Policy(b64decode(ours), Policy.SSRC_ANY_INBOUND))
    speaks = Session(Policy(OWN, Policy.SSRC_ANY_OUTBOUND))
    return ports_in(answered)[0], ports_in(offered)[0], speaks, hears


def cross(relay: RunningRelay, for_a: int, packet: bytes, hears: Session) -> bytes:
    relay.a.send(packet, for_a)
    return hears.unprotect(relay.b.receive())


@SIGNALS
def test_a_plain_call_goes_on_within_two_seconds(
    start_relay: StartRelay, redis_server: RedisServer, number: signal.Signals
) -> None:
    relay = start_relay(redis_url=redis_server.url)
    nat = Phone("127.0.0.5")
    for_a, for_b = relay.set_up()
    assert nat.send_rtp(for_a, "127.0.0.1") == relay.b.receive()
    assert relay.b.send_rtp(for_b) == nat.receive()
    key = "call:{c1}:bindings"
    learned = f"127.0.0.5:{nat.port}"
    wait_for(lambda: redis_server.client.hget(key, "audio0.a.peer") == learned, 5, "the learned source is written")

    began = time.monotonic()
    relay.restart(number)
    relay.a.send_rtp(for_a)  # not who was learned, and the window is closed
    assert relay.b.send_rtp(for_b) == nat.receive(), "to the learned source, though it has sent nothing since"
    assert time.monotonic() - began < MAX_GAP_S
    assert nat.send_rtp(for_a, "127.0.0.1") == relay.b.receive()
    assert relay.a.inbox == []
    stats = relay.stats("a")
    assert (stats["packets"], stats["refused"]) == (2, 1), "counters go on"

    assert relay.set_up() == (for_a, for_b), "a re-offer keeps the ports"
    relay.request("delete", delete_delay=0)
    wait_for(lambda: redis_server.live_calls() == set(), 5, "deleted")
    relay.restart(number)
    with pytest.raises(NgError, match="unknown call-id"):
        relay.request("query")
    nat.close()


@SIGNALS
def test_an_encrypted_call_goes_on_with_its_rollover_counters(
    start_relay: StartRelay, redis_server: RedisServer, number: signal.Signals
) -> None:
    relay = start_relay(redis_url=redis_server.url, cluster_key=CLUSTER_KEY)
    for_a, for_b, speaks, hears = secured(relay)
    sequences = (*range(0, 3 * 65536, 16384), 3 * 65536 - 2)
    for sequence in sequences:
        assert cross(relay, for_a, rtp(sequence), hears) == rtp(sequence)
        relay.b.send(speaks.protect(rtp(sequence)), for_b)
        assert relay.a.receive() == rtp(sequence)
    relay.a.send(receiver_report(), for_a + 1)
    packets = str(len(sequences))
    wait_for(
        lambda: (
            redis_server.client.hmget("call:{c1}:bindings", "audio0.a.packets", "audio0.b.packets") == [packets] * 2
        ),
        5,
        "written",
    )
    relay.restart(number)
    for sequence in (3 * 65536 - 1, 3 * 65536, 3 * 65536 + 1):  # with another wrap
        assert cross(relay, for_a, rtp(sequence), hears) == rtp(sequence)
        relay.b.send(speaks.protect(rtp(sequence)), for_b)
        assert relay.a.receive() == rtp(sequence)
    replayed = Session(Policy(OWN, Policy.SSRC_ANY_OUTBOUND)).protect(rtp(9))
    relay.b.send(replayed, for_b)
    assert cross(relay, for_a, rtp(3 * 65536 + 2), hears)
    assert relay.a.inbox == []


def test_keys_never_stand_in_redis_in_clear(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay = start_relay(redis_url=redis_server.url, cluster_key=CLUSTER_KEY)
    secured(relay)
    wait_for(lambda: bool(redis_server.client.exists("call:{c1}:resume")), 5, "written")
    redis = redis_server.client
    everything = " ".join(str(redis.hgetall(key)) for key in redis.keys("call:*"))
    assert "inline" not in everything
    assert OWN.decode() not in everything
    assert b64encode(OWN).decode()[4:-4] not in everything


def test_without_a_cluster_key_encrypted_calls_are_not_stored(
    start_relay: StartRelay, redis_server: RedisServer
) -> None:
    relay = start_relay(redis_url=redis_server.url)
    secured(relay)
    relay.set_up("plain")
    wait_for(lambda: bool(redis_server.client.exists("call:{plain}:resume")), 5, "written")
    assert redis_server.client.exists("call:{c1}:resume") == 0
    assert "encrypted-calls-end-with-this-process" in relay.process.log_tail()
    relay.restart(signal.SIGKILL)
    assert relay.request("list")["calls"] == ["plain"]


def test_another_cluster_key_opens_nothing(start_relay: StartRelay, redis_server: RedisServer) -> None:
    first = start_relay(redis_url=redis_server.url, cluster_key=CLUSTER_KEY)
    first.set_up()
    wait_for(lambda: bool(redis_server.client.exists("call:{c1}:resume")), 5, "written")
    first.process.signal(signal.SIGKILL)
    first.process.wait(5)
    second = start_relay(redis_url=redis_server.url, cluster_key="another secret")
    assert second.request("list")["calls"] == []
    assert second.set_up()


def test_garbage_in_redis_hurts_nobody(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay, redis = start_relay(redis_url=redis_server.url), redis_server.client
    for call in ("good", "bad", "worse"):
        relay.set_up(call)
    wait_for(lambda: all(redis.exists(f"call:{{{call}}}:resume") for call in ("good", "bad", "worse")), 5, "written")
    relay.process.signal(signal.SIGKILL)
    relay.process.wait(5)
    redis.hset("call:{bad}:resume", "shape", "%%%")
    redis.hset("call:{worse}:resume", "shape", b64encode(b"\x80").decode())
    redis.sadd("relay:{r1}:calls", "nowhere")
    relay.process.start().wait_ready(("udp", relay.config.ng_port))
    assert relay.request("list")["calls"] == ["good"]
    assert relay.set_up("worse")


def test_a_port_that_another_program_has_taken(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay = start_relay(redis_url=redis_server.url)
    _, for_b = relay.set_up()
    wait_for(lambda: bool(redis_server.client.exists("call:{c1}:resume")), 5, "written")
    relay.process.signal(signal.SIGKILL)
    relay.process.wait(5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", for_b))
        relay.process.start().wait_ready(("udp", relay.config.ng_port))
        assert relay.request("list")["calls"] == []
        assert "call-not-resumed" in relay.process.log_tail()
    assert relay.set_up("c2")
