"""Calls stored and restored, without a process in between."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.call import Call, Dialogue, Side, Stream
from media_relay.forwarding import MediaPort
from media_relay.latching import Latch
from media_relay.ports import PortsExhaustedError
from media_relay.resumption import ResumptionError, is_secret, pack_progress, pack_shape
from media_relay.secure.sdes import Keying
from tests.media_relay.harness import RelayBench, audio

CALL_ID = "c"


@dataclass
class Restart:
    """A relay and the one that comes after it on the same host."""

    before: RelayBench
    after: RelayBench

    def resume(self) -> Call:
        call = self.before.relay.calls[CALL_ID]
        epoch = self.before.relay.epoch
        self.after.relay.resume(CALL_ID, pack_shape(call, epoch), pack_progress(call, epoch), self.after.now)
        return self.after.relay.calls[CALL_ID]


@pytest.fixture
def restart() -> Restart:
    before, after = RelayBench(), RelayBench()
    after.now = before.now + 1.0
    return Restart(before, after)


def shape(call: Call) -> object:
    """Everything that a call is made of, as plain values."""
    return _plain(call)


def _plain(value: object) -> object:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    kinds = (Call, Dialogue, Side, Stream, Keying, Latch, MediaPort)
    if isinstance(value, MediaPort):
        slots = ["address", "port", "carries_rtp", "blocked", "needs_userspace", "tos", "latch", "packets", "octets"]
    if isinstance(value, Keying):
        slots = ["profile", "is_required", "is_agreed", "proposed", "offered", "remote", "local", "own"]
    if isinstance(value, Latch):
        slots = ["source", "destination", "learning", "_signalled", "_hint", "_trust"]
    if isinstance(value, kinds):
        return {name: _plain(getattr(value, name)) for name in slots if name != "next_check"}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def test_every_part_of_a_call_comes_back(restart: Restart) -> None:
    before = restart.before
    sdp = audio() + "m=video 4010 RTP/AVP 31\r\nm=image 4020 udptl t38\r\n"
    before.offer(sdp, received_from=["IP4", "203.0.113.9"], label="x", direction=["pub", "priv"], TOS=184)
    before.answer(audio(port=5000) + "m=video 0 RTP/AVP 31\r\nm=image 5020 udptl t38\r\n")
    before.offer(audio(), from_tag="a", via_branch="second", transport_protocol="RTP/SAVP", metadata="m")
    before.request("block DTMF", from_tag="a")
    before.request("delete", from_tag="a", via_branch="second")
    stream = before.relay.calls[CALL_ID].sides[0].streams[0]
    assert stream is not None
    stream.rtp.latch.admit(("203.0.113.1", 4000), before.now)
    stream.rtp.packets, stream.rtp.octets = 7, 7 * 172
    expected = shape(before.relay.calls[CALL_ID])
    assert shape(restart.resume()) == expected
    assert restart.after.forwarder.open_ports.keys() == before.forwarder.open_ports.keys()


def test_it_can_be_renegotiated_and_ended(restart: Restart) -> None:
    offered = restart.before.offer(audio())
    answered = restart.before.answer(audio(port=5000))
    restart.resume()
    assert restart.after.offer(audio()) == offered
    assert restart.after.answer(audio(port=5000)) == answered
    restart.after.request("delete", from_tag="a", delete_delay=0)
    assert restart.after.forwarder.open_ports == {}
    assert restart.after.relay.interfaces.ports_used == 0


def test_its_ports_are_not_given_to_others(restart: Restart) -> None:
    restart.before.offer(audio())
    restart.before.answer(audio(port=5000))
    restart.resume()
    interfaces = restart.after.relay.interfaces
    pub = interfaces.select("pub", "IP4")
    for _ in range(50 - 2):
        interfaces.open_pair(pub, restart.after.now)
    with pytest.raises(PortsExhaustedError):
        interfaces.open_pair(pub, restart.after.now)


def test_a_port_that_is_taken_leaves_nothing_open(restart: Restart) -> None:
    restart.before.offer(audio())
    restart.before.answer(audio(port=5000))
    (_, last) = list(restart.before.forwarder.open_ports)[-1]
    restart.after.forwarder.taken.add(last)
    with pytest.raises(ResumptionError, match="taken"):
        restart.resume()
    assert restart.after.forwarder.open_ports == {}
    assert CALL_ID not in restart.after.relay.calls


def test_what_is_secret(restart: Restart) -> None:
    restart.before.offer(audio())
    assert not is_secret(restart.before.relay.calls[CALL_ID])
    encrypted = RelayBench()
    encrypted.offer(audio(), transport_protocol="RTP/SAVP")
    assert is_secret(encrypted.relay.calls[CALL_ID])


@settings(max_examples=150)
@given(st.binary(max_size=200), st.binary(max_size=50), st.integers(0, 1000))
def test_damaged_records_are_refused_and_leave_nothing_open(noise: bytes, tail: bytes, at: int) -> None:
    before, after = RelayBench(), RelayBench()
    before.offer(audio())
    call = before.relay.calls[CALL_ID]
    packed = pack_shape(call, 0.0)
    damaged = packed[: at % len(packed)] + noise + packed[at % len(packed) + len(noise) :]
    try:
        after.relay.resume(CALL_ID, damaged, tail, 0.0)
    except ResumptionError:
        assert after.forwarder.open_ports == {}
        assert after.relay.calls == {}
