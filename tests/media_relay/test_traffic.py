from media_relay.call import LEAST_PACKETS
from media_relay.forwarding import MediaPort
from media_relay.traffic import COUNTERS
from tests.media_relay.harness import RelayBench, audio


def bench_with_call() -> RelayBench:
    bench = RelayBench()
    bench.offer(audio("10.1.1.1", 4000))
    bench.answer(audio("10.2.2.2", 5000))
    return bench


def rtp_ports(bench: RelayBench) -> list[MediaPort]:
    (call,) = bench.relay.calls.values()
    return [stream.rtp for _, *pair in call.dialogues[0].stream_pairs() for stream in pair]


def hear(port: MediaPort, packets: int, lost: int = 0) -> None:
    """As the engine counts a stream of 20 ms packets, the last of them missing before one more."""
    for number in [*range(packets - 1), packets - 1 + lost]:
        port.reception.count(number & 0xFFFF, 160 * number, 1, 5.0 + 0.02 * number)
    port.packets += packets
    port.octets += 172 * packets


def tally(bench: RelayBench) -> dict[str, int]:
    bench.relay.traffic.tally_calls(bench.relay.calls.values())
    return bench.relay.traffic.totals


def test_live_and_ended_calls_count_once() -> None:
    bench = bench_with_call()
    first, second = rtp_ports(bench)
    hear(first, 100, lost=25)
    second.refused, second.malformed, second.unsent = 3, 2, 1
    expected = dict(zip(COUNTERS, (100, 17200, 25, 3, 2, 1), strict=True))
    assert tally(bench) == expected
    assert tally(bench) == expected
    first.packets += 1
    bench.request("delete")
    assert bench.relay.traffic.totals == {**expected, "packets": 101}
    assert tally(bench) == {**expected, "packets": 101}


def test_a_total_never_falls() -> None:
    bench = bench_with_call()
    port, _ = rtp_ports(bench)
    hear(port, 100, lost=10)
    before = tally(bench)["lost"]
    port.reception.count(105, 160 * 105, 1, 9.0)  # one of the missing comes late
    assert port.reception.lost == before - 1
    assert tally(bench)["lost"] == before


def test_each_audio_stream_is_rated_as_it_ends() -> None:
    bench = bench_with_call()
    good, bad = rtp_ports(bench)
    hear(good, 1000)
    hear(bad, 800, lost=200)
    bench.request("delete")
    traffic = bench.relay.traffic
    assert dict(traffic.loss.buckets())["0.0"] == 1
    assert dict(traffic.loss.buckets())["0.2"] == 2
    assert dict(traffic.mos.buckets())["+Inf"] == 2
    assert dict(traffic.mos.buckets())["3.0"] == 1
    assert dict(traffic.mos.buckets())["4.3"] == 1
    assert traffic.jitter_s.total < 0.001


def test_what_is_no_audio_or_too_short_is_not_rated() -> None:
    bench = bench_with_call()
    first, second = rtp_ports(bench)
    hear(first, LEAST_PACKETS - 1)
    second.carries_rtp = False
    hear(second, 100)
    bench.request("delete")
    assert dict(bench.relay.traffic.mos.buckets())["+Inf"] == 0


def test_media_timeouts_are_counted_once_each() -> None:
    bench = bench_with_call()
    for _ in range(3):
        bench.now += 100
        bench.relay.silent_calls(bench.now)
    assert bench.relay.traffic.media_timeouts == 1
