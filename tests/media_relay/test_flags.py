"""What flags of offers and answers do to a call: the relay core, without sockets."""

import pytest

from media_relay.forwarding import MediaPort
from media_relay.latching import Learning
from media_relay.ng.bencode import Encodable, decode, encode
from media_relay.ng.messages import NgError
from media_relay.ng.parsing import parse_request
from tests.media_relay.harness import RelayBench, audio, ports_in, session

STRANGER = ("198.51.100.66", 6)
DTMF = "rtpmap:101 telephone-event/8000"


def test_a_deleted_call_goes_on_for_the_delay_and_is_taken_back_by_an_offer() -> None:
    bench = RelayBench(delete_delay_s=30.0)
    bench.offer(audio())
    bench.answer(audio())
    bench.request("delete", from_tag="a")
    bench.relay.end_due(bench.now + 29)
    assert len(bench.forwarder.open_ports) == 4
    bench.offer(audio(), to_tag="b")
    bench.relay.end_due(bench.now + 31)
    assert len(bench.forwarder.open_ports) == 4
    bench.request("delete", from_tag="a", delete_delay=5)
    bench.now += 6
    bench.relay.end_due(bench.now)
    assert bench.forwarder.open_ports == {}
    assert bench.relay.changes.deleted == {"c"}


def test_one_branch_ends_after_its_delay() -> None:
    bench = RelayBench(delete_delay_s=30.0)
    for branch in ("z1", "z2"):
        bench.offer(audio(), via_branch=branch)
    bench.request("delete", from_tag="a", via_branch="z1")
    bench.relay.end_due(bench.now + 31)
    assert [dialogue.via_branch for dialogue in bench.relay.calls["c"].dialogues] == ["z2"]


def test_a_call_about_to_end_is_not_silent() -> None:
    bench = RelayBench(delete_delay_s=600.0)
    bench.offer(audio())
    bench.answer(audio())
    bench.request("delete", from_tag="a")
    assert bench.relay.silent_calls(bench.now + 61) == []


def test_a_client_that_knows_load_limits_hears_of_one() -> None:
    bench = RelayBench(range(30000, 30002))
    message = {"command": "offer", "call-id": "c", "from-tag": "a", "sdp": audio(), "supports": ["load limit"]}
    decoded = decode(encode(message))
    assert isinstance(decoded, dict)
    reply = bench.relay.handle(parse_request(decoded), bench.now)
    assert reply["result"] == "load limit"
    assert bench.relay.calls == {}


def test_the_media_address_is_told_instead_of_ours_to_one_side() -> None:
    bench = RelayBench()
    assert "c=IN IP4 203.0.113.200\r\n" in bench.offer(audio(), media_address="203.0.113.200")
    assert "c=IN IP4 192.0.2.1\r\n" in bench.answer(audio())


def test_the_type_of_service_is_that_of_the_whole_call() -> None:
    bench = RelayBench()
    bench.offer(audio(), TOS=96)
    bench.answer(audio())
    assert {port.tos for port in bench.forwarder.open_ports.values()} == {96}


@pytest.mark.parametrize(("flag", "learning"), [("asymmetric", Learning.NEVER), ("media-handover", Learning.ALWAYS)])
def test_learning_is_the_senders_and_needs_userspace(flag: str, learning: Learning) -> None:
    bench = RelayBench()
    offered = bench.offer(audio(), flags=[flag])
    answered = bench.answer(audio("203.0.113.2", 5000))
    facing_a, facing_b = (bench.port("192.0.2.1", *ports_in(sdp)) for sdp in (answered, offered))
    assert (facing_a.latch.learning, facing_a.needs_userspace) == (learning, True)
    assert (facing_b.latch.learning, facing_b.needs_userspace) == (Learning.IN_WINDOW, False)


def test_asymmetric_and_handed_over_media() -> None:
    port = MediaPort("192.0.2.1", 30000)
    port.latch.learning = Learning.NEVER
    port.latch.expect(("203.0.113.1", 4000), None, 10.0)
    assert port.latch.admit(STRANGER, 5.0)
    assert port.latch.destination == ("203.0.113.1", 4000)
    port.latch.learning = Learning.ALWAYS
    for source in (("203.0.113.1", 4000), STRANGER, ("203.0.113.9", 9)):
        assert port.latch.admit(source, 5000.0)
        assert port.latch.destination == source


def test_how_rtcp_is_written() -> None:
    bench = RelayBench()
    assert "a=rtcp" not in bench.offer(audio(), flags=["no rtcp attribute"])
    answered = bench.answer(audio(), flags=["full-rtcp-attribute"])
    assert f"a=rtcp:{ports_in(answered)[0] + 1} IN IP4 192.0.2.1\r\n" in answered


def test_what_else_is_written() -> None:
    bench = RelayBench()
    offered = bench.offer(audio("203.0.113.1", 4000, "extmap:1 urn:x"), flags=["generate-mid", "strip-extmap"])
    assert "a=mid:1\r\n" in offered
    assert "extmap" not in offered
    wide = session("203.0.113.2", f"m=audio 5000 RTP/AVP 8 0 101\r\na={DTMF}")
    assert "RTP/AVP 8 101\r\n" in bench.answer(wide, flags=["single-codec"])


def blocked(bench: RelayBench, sdp: str) -> set[int]:
    return set(bench.port("192.0.2.1", *ports_in(sdp)).blocked)


def gated_call() -> tuple[RelayBench, str, str]:
    """A call with DTMF; what a and b were handed."""
    bench = RelayBench()
    for_b = bench.offer(audio("203.0.113.1", 4000, DTMF), label="caller")
    for_a = bench.answer(audio("203.0.113.2", 5000, DTMF))
    return bench, for_a, for_b


@pytest.mark.parametrize("who", [{"from_tag": "a"}, {"label": "caller"}, {"address": "203.0.113.1"}])
def test_blocking_one_side(who: dict[str, Encodable]) -> None:
    bench, for_a, for_b = gated_call()
    bench.request("block DTMF", **who)
    assert (blocked(bench, for_a), blocked(bench, for_b)) == ({101}, set())
    assert bench.port("192.0.2.1", *ports_in(for_a)).needs_userspace
    bench.request("block media", **who)
    assert blocked(bench, for_a) == set(range(128))
    bench.request("unblock DTMF", **who)
    assert blocked(bench, for_a) == set(range(128)) - {101}
    bench.request("unblock media", **who)
    assert blocked(bench, for_a) == set()


def test_blocking_a_call_outlives_a_reoffer_and_leaves_what_is_blocked_singly() -> None:
    bench, for_a, for_b = gated_call()
    bench.request("block DTMF", from_tag="a")
    bench.request("block DTMF")
    bench.offer(audio("203.0.113.1", 4000, DTMF), to_tag="b")
    bench.answer(audio("203.0.113.2", 5000, DTMF))
    assert (blocked(bench, for_a), blocked(bench, for_b)) == ({101}, {101})
    bench.request("unblock DTMF")
    assert (blocked(bench, for_a), blocked(bench, for_b)) == ({101}, set())


def test_traffic_is_dropped_from_an_offer_on_until_told_otherwise() -> None:
    bench = RelayBench()
    for_b = bench.offer(audio(), drop_traffic="start")
    bench.answer(audio())
    assert blocked(bench, for_b) == set(range(128))
    bench.offer(audio(), to_tag="b", drop_traffic="stop")
    assert blocked(bench, for_b) == set()


def test_nobody_to_block() -> None:
    bench, _, _ = gated_call()
    with pytest.raises(NgError, match="no such participant"):
        bench.request("block media", from_tag="nobody")


def test_statistics_of_the_relay() -> None:
    bench, _, for_b = gated_call()
    bench.port("192.0.2.1", *ports_in(for_b)).packets = 7
    statistics = bench.request("statistics")["statistics"]
    assert statistics["currentstatistics"]["sessionstotal"] == 1  # type: ignore[call-overload,index]  # as laid out
    assert statistics["totalstatistics"]["relayedpackets"] == 7  # type: ignore[call-overload,index]
    bench.now += 10
    bench.request("delete", from_tag="a")
    totals = bench.request("statistics")["statistics"]["totalstatistics"]  # type: ignore[call-overload,index]
    assert totals["managedsessions"] == 1
    assert totals["avgcallduration"] == b"10.000000"
    assert totals["relayedpackets"] == 7
