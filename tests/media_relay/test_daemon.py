"""The relay as it runs: a process of its own, real sockets, a real Redis server."""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from media_relay.config import Interface, RelayConfig
from tests.media_relay.harness import audio, ports_in
from tests.media_relay.media import Phone, close_all, receiver_report, rtp
from tests.support.ng import NgError, NgPeer
from tests.support.processes import Process, free_port, wait_for
from tests.support.redis_server import RedisServer

CONFIG = RelayConfig(
    node="r1",
    ng_host="127.0.0.1",
    ng_port=0,
    interfaces=(Interface("four", "127.0.0.1"), Interface("six", "::1")),
    port_min=45000,
    port_max=45199,
    quarantine_s=0.0,
    learn_window_s=2.0,
    bindings_interval_s=0.1,
    heartbeat_interval_s=0.1,
    forwarding="userspace",  # the kernel engine has tests of its own
)

# The configuration travels as JSON: its repr leaves the Redis URL out, which may hold a password.
PROGRAM = """
import json, sys
from media_relay.config import Interface, RelayConfig
from media_relay.daemon import main

fields = json.loads(sys.argv[1])
main(RelayConfig(**{**fields, "interfaces": tuple(Interface(**each) for each in fields["interfaces"])}))
"""


class RunningRelay:
    """A relay process and two phones with a call through it."""

    def __init__(self, directory: Path, config: RelayConfig) -> None:
        self.config = replace(config, ng_port=free_port())
        command = [sys.executable, "-c", PROGRAM, json.dumps(asdict(self.config))]
        root = str(Path(__file__).parents[2])
        self.process = Process("relay", command, directory=directory, environment={"PYTHONPATH": root})
        self.process.start().wait_ready(("udp", self.config.ng_port))
        self.ng = NgPeer(("127.0.0.1", self.config.ng_port))
        self.a, self.b = Phone(), Phone()

    def restart(self, number: signal.Signals) -> None:
        """End the process by a signal and start it again."""
        self.process.signal(number)
        self.process.wait(5)
        self.process.start().wait_ready(("udp", self.config.ng_port))

    def close(self) -> None:
        close_all([self.a, self.b])
        self.ng.close()
        self.process.stop()

    def request(self, command: str, call: str = "c1", **fields: object) -> dict[str, Any]:
        return self.ng.request(command=command, call_id=call, from_tag="a", **fields)

    def set_up(self, call: str = "c1", *attributes: str, **fields: object) -> tuple[int, int]:
        """A call from phone a to phone b; our RTP ports for each."""
        fields = {"replace": ["origin"], **fields}
        sdp = audio(self.a.host, self.a.port, *attributes)
        offered = self.request("offer", call, sdp=sdp, **fields)
        answered = self.request("answer", call, to_tag="b", sdp=audio(self.b.host, self.b.port), **fields)
        return ports_in(answered["sdp"])[0], ports_in(offered["sdp"])[0]

    def stats(self, tag: str, call: str = "c1") -> dict[str, int]:
        """The RTP counters of what comes from a side."""
        stats: dict[str, int] = self.request("query", call)["tags"][tag]["medias"][0]["streams"][0]["stats"]
        return stats


StartRelay = Callable[..., RunningRelay]


@pytest.fixture
def start_relay(tmp_path: Path) -> Iterator[StartRelay]:
    """Starts a relay with ``CONFIG`` but for the arguments."""
    started: list[RunningRelay] = []

    def start(**changes: Any) -> RunningRelay:
        started.append(RunningRelay(tmp_path, replace(CONFIG, **changes)))
        return started[-1]

    yield start
    for relay in started:
        relay.close()
        print(relay.process.log_tail())


def test_audio_crosses_both_ways_and_is_counted(start_relay: StartRelay) -> None:
    relay = start_relay()
    for_a, for_b = relay.set_up()
    for _ in range(20):
        assert (relay.a.send_rtp(for_a), for_b) == relay.b.receive_from()
        assert (relay.b.send_rtp(for_b), for_a) == relay.a.receive_from()
    for tag in ("a", "b"):
        stats = relay.stats(tag)
        assert (stats["packets"], stats["bytes"], stats["lost"], stats["refused"]) == (20, 20 * 172, 0, 0)


def test_from_ip4_to_ip6(start_relay: StartRelay) -> None:
    relay = start_relay()
    relay.b.close()
    relay.b = Phone("::1")
    for_a, for_b = relay.set_up(address_family="IP6")
    assert relay.a.send_rtp(for_a) == relay.b.receive()
    assert relay.b.send_rtp(for_b) == relay.a.receive()


def test_a_phone_behind_a_nat_is_learned_and_a_hijacker_refused(start_relay: StartRelay) -> None:
    relay = start_relay(learn_window_s=0.5)
    outside, hijacker = Phone("127.0.0.5"), Phone("127.0.0.6")
    for_a, for_b = relay.set_up()
    packet = outside.send_rtp(for_a, "127.0.0.1")
    assert relay.b.receive() == packet
    assert relay.b.send_rtp(for_b) == outside.receive()

    for _ in range(5):
        hijacker.send_rtp(for_a, "127.0.0.1")
    wait_for(lambda: relay.stats("a")["refused"] == 5, 5, "the hijacker is refused")
    assert relay.b.send_rtp(for_b) == outside.receive()
    assert relay.b.inbox == []
    assert hijacker.inbox == []
    close_all([outside, hijacker])


def test_rtcp_has_its_own_ports_and_is_bridged_to_a_muxed_side(start_relay: StartRelay) -> None:
    relay = start_relay()
    for_a, for_b = relay.set_up("c1", "rtcp-mux", rtcp_mux=["demux", "accept"])
    rtcp_phone, report = Phone(), receiver_report()
    rtcp_phone.send(report, for_b + 1)
    assert relay.a.receive_from() == (report, for_a)
    relay.a.send(report, for_a)
    assert rtcp_phone.receive_from() == (report, for_b + 1)
    assert relay.a.send_rtp(for_a) == relay.b.receive()
    rtcp_phone.close()


def test_media_timeout_is_told_once_in_redis(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay = start_relay(media_timeout_s=0.4, redis_url=redis_server.url)
    relay.set_up("held", "inactive")
    relay.set_up("silent")
    events = redis_server.client.xread({"relay:{r1}:events": "0"}, count=10, block=5000)
    # Time for a second report, or one about the held call, to be written: every interval of the relay has passed twice.
    assert redis_server.client.xread({"relay:{r1}:events": "$"}, block=1000) in (None, [], {})
    assert [fields for _, fields in _entries(events)] == [{"event": "media-timeout", "call": "silent"}]


def test_keys_that_are_pressed_are_told_in_redis(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay = start_relay(redis_url=redis_server.url)
    attribute = "rtpmap:101 telephone-event/8000"
    sdp = [audio(phone.host, phone.port, attribute) for phone in (relay.a, relay.b)]
    relay.request("offer", sdp=sdp[0])
    [for_a] = ports_in(relay.request("answer", to_tag="b", sdp=sdp[1])["sdp"])
    for sequence in range(3):
        event = rtp(sequence, payload_type=101)[:4] + bytes.fromhex("00000320 00001234 088a0320")
        relay.a.send(event, for_a)
        assert relay.b.receive() == event
    events = redis_server.client.xread({"relay:{r1}:events": "0"}, count=10, block=5000)
    told = {"event": "dtmf", "call": "c1", "leg": "a", "digit": "8", "duration_ms": "100"}
    assert [fields for _, fields in _entries(events)] == [told]
    key = "call:{c1}:bindings"
    wait_for(lambda: redis_server.client.hget(key, "audio0.a.digits") == "8", 5, "in the bindings")


def test_bindings_live_in_redis_as_long_as_the_call(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay, redis = start_relay(redis_url=redis_server.url), redis_server.client
    for_a, _ = relay.set_up()
    key = "call:{c1}:bindings"
    wait_for(lambda: bool(redis.exists(key)), 5, "bindings written after the answer")
    assert 0 < redis.ttl(key) <= CONFIG.bindings_lease_s
    relay.a.send_rtp(for_a)
    wait_for(lambda: redis.hget(key, "audio0.a.packets") == "1", 5, "counters written")
    fields = redis.hgetall(key)
    assert fields["audio0.a.local"] == f"127.0.0.1:{for_a}"
    assert fields["audio0.a.peer"] == f"127.0.0.1:{relay.a.port}"
    assert fields["audio0.b.codec"] == "PCMA"
    relay.request("delete", delete_delay=0)
    wait_for(lambda: not redis.exists(key), 5, "bindings deleted with the call")


def test_the_bindings_of_a_stream_go_with_it(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay, key = start_relay(redis_url=redis_server.url), "call:{c1}:bindings"

    def fields() -> set[str]:
        return {name.partition(".")[0] for name in redis_server.client.hkeys(key)}

    for port, expected in ((4010, {"audio0", "video1"}), (0, {"audio0"})):
        sdp = audio() + f"m=video {port} RTP/AVP 31\r\n"
        relay.request("offer", sdp=sdp)
        relay.request("answer", to_tag="b", sdp=sdp)
        wait_for(lambda expected=expected: fields() == expected, 5, f"bindings of {expected}")  # type: ignore[misc]  # bound


def test_the_heartbeat(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay = start_relay(redis_url=redis_server.url)
    relay.set_up()
    wait_for(lambda: redis_server.client.hget("relay:{r1}", "calls") == "1", 5, "the call is in the heartbeat")
    beat = redis_server.client.hgetall("relay:{r1}")
    assert beat["role"] == "relay"
    assert beat["ng"] == f"127.0.0.1:{relay.config.ng_port}"
    assert (beat["ports_used"], beat["ports_total"]) == ("2", "200")
    assert redis_server.client.ttl("relay:{r1}") > 0


def test_redis_killed_and_back_with_nothing(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay, redis = start_relay(redis_url=redis_server.url), redis_server.client
    for_a, _ = relay.set_up("before")
    relay.set_up("quiet")
    wait_for(lambda: redis_server.live_calls() == {"before", "quiet"}, 5, "written")
    redis_server.kill()
    assert relay.a.send_rtp(for_a) == relay.b.receive()
    relay.set_up("ended")
    relay.request("delete", "ended", delete_delay=0)
    relay.set_up("during")
    redis_server.start()
    live = {"before", "quiet", "during"}
    wait_for(lambda: redis_server.live_calls() == live, 10, "every call is written again, the ended one not")
    wait_for(lambda: redis.hget("call:{before}:bindings", "audio0.a.packets") == "1", 5, "the counters are kept")


def test_a_relay_without_redis_serves_calls(start_relay: StartRelay) -> None:
    relay = start_relay(redis_url="redis://127.0.0.1:1")
    for_a, _ = relay.set_up()
    assert relay.a.send_rtp(for_a) == relay.b.receive()


def test_ports_run_out_and_come_back(start_relay: StartRelay) -> None:
    relay = start_relay(port_min=45000, port_max=45003)
    relay.set_up("c1")
    with pytest.raises(NgError, match="out of ports"):
        relay.set_up("c2")
    relay.request("delete", "c1", delete_delay=0)
    relay.set_up("c2")


def test_garbage_on_the_ng_socket(start_relay: StartRelay) -> None:
    relay = start_relay()
    for_a, _ = relay.set_up()
    sender = Phone()
    for data in (b"", b"x", b"c d", b"c " + b"l" * 60000, b"c d7:command5:offere", rtp(1), bytes(65000)):
        sender.send(data, relay.config.ng_port)
    assert relay.request("ping")["result"] == "pong"
    assert relay.a.send_rtp(for_a) == relay.b.receive()
    sender.close()


def test_a_repeated_cookie_gets_the_same_reply(start_relay: StartRelay) -> None:
    relay, client = start_relay(), Phone()
    body = b"k1 d7:call-id1:c7:command5:offer8:from-tag1:a3:sdp%d:%se"
    for call_id in (b"1:c", b"1:d"):  # the second is never read
        sdp = audio().encode()
        client.send((body % (len(sdp), sdp)).replace(b"1:c", call_id), relay.config.ng_port)
    first, second = client.receive(), client.receive()
    assert first == second
    assert re.match(rb"k1 d6:result2:ok3:sdp\d+:v=0", first)
    assert relay.request("list")["calls"] == ["c"]
    client.close()


def test_sigterm_leaves_live_calls_and_nothing_else(start_relay: StartRelay, redis_server: RedisServer) -> None:
    relay = start_relay(redis_url=redis_server.url)
    relay.set_up("live")
    relay.set_up("deleted")
    wait_for(lambda: redis_server.live_calls() == {"live", "deleted"}, 5, "written")
    relay.request("delete", "deleted")
    relay.process.signal(signal.SIGTERM)
    assert relay.process.wait(5) == 0
    kept = {"call:{live}:bindings", "call:{live}:resume", "relay:{r1}:calls"}
    assert set(redis_server.client.keys("*")) == kept
    assert all(0 < redis_server.client.ttl(key) <= CONFIG.bindings_lease_s for key in kept)


def _entries(streams: Any) -> list[tuple[str, dict[str, str]]]:
    """The entries of the one stream in a reply to XREAD, in whichever of redis-py's two shapes it comes."""
    [entries] = streams.values() if isinstance(streams, dict) else [entries for _, entries in streams]
    return list(entries[0]) if entries and isinstance(entries[0], list) else list(entries)
