from media_relay.bindings import bindings_key, call_fields, events_key, packets_seen, relay_key
from media_relay.digits import Digits
from tests.media_relay.harness import RelayBench, audio, ports_in


def test_keys_of_a_call_share_a_slot() -> None:
    assert bindings_key("p:", "4f2a") == "p:call:{4f2a}:bindings"
    assert relay_key("", "r1") == "relay:{r1}"
    assert events_key("", "r1") == "relay:{r1}:events"


def test_fields_tell_who_sends_what_from_where() -> None:
    bench = RelayBench()
    bench.offer(audio("203.0.113.1", 4000, "rtcp-mux"), from_tag="x-a", address_family="IP6")
    [for_a] = ports_in(bench.answer(audio("2001:db8::5", 5000), from_tag="x-a", to_tag="x-b1", rtcp_mux=["accept"]))
    call, port = bench.relay.calls["c"], bench.port("192.0.2.1", for_a)
    before = packets_seen(call)
    port.packets, port.octets, port.refused, port.last_seen = 50, 8600, 1, 1000.5
    assert packets_seen(call) != before
    port.round_trip_s = 0.04
    port.digits = Digits(frozenset({101}), 8000)
    port.digits.pressed.extend("5#")
    fields = call_fields(call, bench.relay.epoch)
    assert {name: value for name, value in fields.items() if name.startswith("audio0.a.")} == {
        "audio0.a.local": f"192.0.2.1:{for_a}",
        "audio0.a.peer": "203.0.113.1:4000",
        "audio0.a.rtcp": "mux",
        "audio0.a.codec": "PCMA",
        "audio0.a.packets": "50",
        "audio0.a.bytes": "8600",
        "audio0.a.lost": "0",
        "audio0.a.refused": "1",
        "audio0.a.jitter_ms": "0.0",
        "audio0.a.last_seen": "1001000.500",
        "audio0.a.rtt_ms": "40",
        "audio0.a.mos": "4.39",
        "audio0.a.digits": "5#",
    }
    assert fields["audio0.b.local"].startswith("[2001:db8::1]:")
    assert fields["audio0.b.peer"] == "[2001:db8::5]:5000"
    assert fields["audio0.b.rtcp"] == "[2001:db8::5]:5001"
    assert fields["audio0.b.last_seen"] == ""
