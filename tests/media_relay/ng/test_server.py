"""ng as clients reach it: UDP, TCP and HTTP on one port of a running relay."""

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from media_relay.ng.bencode import decode, encode
from media_relay.ng.messages import unpack
from tests.media_relay.harness import audio
from tests.media_relay.media import Phone
from tests.media_relay.test_daemon import CONFIG, RunningRelay
from tests.support.processes import wait_for


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningRelay]:
    running = RunningRelay(tmp_path, replace(CONFIG, port_min=44000, port_max=44199))
    yield running
    running.close()


def tcp(relay: RunningRelay, data: bytes) -> bytes:
    """What comes back until the relay is silent about what was sent."""
    with socket.create_connection(("127.0.0.1", relay.config.ng_port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while more := connection.recv(65536):
            received += more
    return received


def test_tcp(relay: RunningRelay) -> None:
    offer = {"command": "offer", "call-id": "t", "from-tag": "a", "sdp": audio()}
    first, _, rest = tcp(relay, b"k1 " + encode(offer) + b'k2 {"command":"ping"}').partition(b"k2 ")
    assert unpack(first)[1]["result"] == b"ok"
    assert rest == b'{"result":"pong"}'


def test_http(relay: RunningRelay) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", relay.config.ng_port, timeout=5)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"pong\n"
    connection.request("POST", "/ng", b"k1 d7:command4:pinge", {"Content-Type": "application/x-rtpengine-ng"})
    assert connection.getresponse().read() == b"k1 d6:result4:ponge"
    offer = {"command": "offer", "call-id": "h", "from-tag": "a", "sdp": audio(), "replace": ["origin"]}
    connection.request("POST", "/ng-plain", json.dumps(offer))
    reply = connection.getresponse()
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.read())["sdp"].startswith("v=0\r\no=- ")
    connection.close()
    assert relay.request("list")["calls"] == ["h"]


def test_json_over_udp(relay: RunningRelay) -> None:
    client = Phone()
    client.send(b'j1 {"command":"query","call-id":"nobody"}', relay.config.ng_port)
    assert client.receive() == b'j1 {"result":"error","error-reason":"unknown call-id"}'
    client.close()


def test_offers_of_60_kib_and_random_messages(relay: RunningRelay) -> None:
    for_a, _ = relay.set_up()
    random, client = Random(1), Phone()
    huge = audio() + "".join(f"a=x{number}:{'y' * 60}\r\n" for number in range(850))
    many = audio() + "m=audio 4000 RTP/AVP 0\r\n" * 2300
    for number, sdp in enumerate((huge, many, audio() + "a=" + "z" * 60000, "v=0\r\n" + "m" * 60000)):
        cookie = b"huge%d " % number
        client.send(
            cookie + encode({"command": "offer", "call-id": "h", "from-tag": "a", "sdp": sdp}), relay.config.ng_port
        )
        assert client.receive().startswith(cookie + b"d6:result")
    seed = encode({"command": "offer", "call-id": "c1", "from-tag": "a", "sdp": audio(), "flags": ["x"]})
    for number in range(300):
        mangled = bytearray(seed)
        for _ in range(random.randint(1, 6)):
            mangled[random.randrange(len(mangled))] = random.randrange(256)
        client.send(b"m%d " % number + bytes(mangled), relay.config.ng_port)
        assert client.receive().startswith(b"m%d " % number)
    client.close()
    assert decode(tcp(relay, b"p d7:command4:pinge")[2:]) == {"result": b"pong"}
    assert relay.a.send_rtp(for_a) == relay.b.receive()


def test_blocked_media_is_counted_and_goes_no_further(relay: RunningRelay) -> None:
    for_a, _ = relay.set_up("c1", "rtpmap:101 telephone-event/8000")
    assert relay.a.send_rtp(for_a) == relay.b.receive()
    assert relay.request("block media")["result"] == "ok"
    relay.a.send_rtp(for_a)
    wait_for(lambda: relay.ng.packets_by_tag("c1")["a"] == 2, 5, "the blocked packet is counted")
    assert relay.request("unblock media")["result"] == "ok"
    # Only what comes after the gate is open again arrives.
    expected = relay.a.send_rtp(for_a)
    assert relay.b.receive() == expected
