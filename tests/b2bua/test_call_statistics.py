import time

import pytest

from b2bua.call.call import Call
from b2bua.call_statistics import TOLD_RESULTS, CallStatistics
from tests.flows.ladder import ANSWER, Ladder


def ended(**facts: object) -> Call:
    call = Call(id="c", source="left", caller="1", called="2")
    for name, value in {"created": 100.0, "ended": 190.0, "ended_by": "a", "trunk_out": "right", **facts}.items():
        setattr(call, name, value)
    return call


def test_an_answered_call_is_measured() -> None:
    statistics = CallStatistics()
    statistics.add(ended(ringing=101.5, answered=110.0, status=200))
    assert statistics.ended == {("left", "in", "200"): 1, ("right", "out", "200"): 1}
    assert (statistics.setup_s.total, statistics.duration_s.total) == (10.0, 80.0)
    assert statistics.post_dial_delay_s["right"].total == 1.5


def test_an_answer_without_ringing_is_the_end_of_dialling() -> None:
    statistics = CallStatistics()
    statistics.add(ended(answered=102.0, status=200))
    assert statistics.post_dial_delay_s["right"].total == 2.0


def test_a_call_that_only_rang_has_no_duration() -> None:
    statistics = CallStatistics()
    statistics.add(ended(ringing=103.0, status=487))
    assert dict(statistics.duration_s.buckets())["+Inf"] == dict(statistics.setup_s.buckets())["+Inf"] == 0
    assert statistics.post_dial_delay_s["right"].total == 3.0


def test_a_call_that_went_nowhere_counts_for_its_caller_alone() -> None:
    statistics = CallStatistics()
    statistics.add(ended(trunk_out="", status=480, ended_by="pinhole"))
    assert statistics.ended == {("left", "in", "480"): 1}
    assert statistics.ended_by == {"pinhole": 1}
    assert not statistics.post_dial_delay_s


def test_a_peer_cannot_invent_labels() -> None:
    statistics = CallStatistics()
    for status in range(1000):
        statistics.add(ended(status=status, trunk_out=""))
    results = {result for _, _, result in statistics.ended}
    assert results == {*map(str, TOLD_RESULTS), "2xx", "3xx", "4xx", "5xx", "6xx", "other"}


def test_a_call_costs_next_to_nothing() -> None:
    statistics, call = CallStatistics(), ended(ringing=101.0, answered=110.0, status=200)
    best = min(_seconds_for(statistics, call) for _ in range(5))
    assert best / 1000 < 10e-6  # 2 us on an idle machine


def _seconds_for(statistics: CallStatistics, call: Call) -> float:
    start = time.perf_counter()
    for _ in range(1000):
        statistics.add(call)
    return time.perf_counter() - start


def test_the_core_notes_when_it_rang_first() -> None:
    ladder = Ladder()
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    offered = ladder.b.hears_request("INVITE")
    ladder.b.answers(offered, 100)
    created = ladder.now
    ladder.passes(2.0)
    ladder.b.answers(offered, 180)
    ladder.a.hears(180)
    ladder.passes(1.0)
    ladder.b.answers(offered, 183)
    ladder.a.hears(183)
    ladder.b.answers(offered, 200, ANSWER)
    ladder.b.hears("ACK")
    answer = ladder.a.hears_response(200)
    ladder.a.acks(answer)
    (call,) = ladder.calls
    assert call.ringing - created == pytest.approx(2.0, abs=0.1)
    assert call.answered - created == pytest.approx(3.0, abs=0.1)
