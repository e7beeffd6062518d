import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.timers import TICKS_PER_SECOND, TimerWheel

TICK = 1 / TICKS_PER_SECOND


def test_a_timer_fires_once_and_never_early() -> None:
    wheel = TimerWheel(100.0)
    fired: list[float] = []
    wheel.start(0.5, lambda: fired.append(wheel.now))
    wheel.advance(100.49)
    assert fired == []
    wheel.advance(100.5 + TICK)
    wheel.advance(200.0)
    assert fired == [100.5 + TICK]


def test_a_cancelled_timer_neither_fires_nor_keeps_the_wheel_awake() -> None:
    wheel = TimerWheel(0.0)
    timer = wheel.start(1800.0, lambda: pytest.fail("cancelled"))
    timer.cancel()
    timer.cancel()
    assert wheel.next_deadline() is None
    wheel.advance(4000.0)


def test_a_timer_may_cancel_another_that_is_due_in_the_same_tick() -> None:
    wheel = TimerWheel(0.0)
    wheel.start(1.0, lambda: second.cancel())
    second = wheel.start(1.0, lambda: pytest.fail("cancelled"))
    wheel.advance(2.0)


def test_what_a_timer_starts_waits_for_the_next_advance() -> None:
    wheel = TimerWheel(0.0)
    fired: list[str] = []
    wheel.start(1.0, lambda: wheel.start(0.0, lambda: fired.append("inner")) and None)
    wheel.advance(1.5)
    assert fired == []
    wheel.advance(1.5 + TICK)
    assert fired == ["inner"]


def test_delays_count_from_the_latest_time_that_was_told() -> None:
    wheel = TimerWheel(0.0)
    wheel.now = 50.0
    wheel.start(1.0, lambda: None)
    assert wheel.next_deadline() == pytest.approx(51.0, abs=TICK)


def test_a_failing_timer_does_not_take_the_others_with_it() -> None:
    wheel = TimerWheel(0.0)
    fired: list[str] = []
    wheel.start(1.0, lambda: [][1])
    wheel.start(1.0, lambda: fired.append("the other"))
    with pytest.raises(IndexError):
        wheel.advance(2.0)
    wheel.advance(2.0)
    assert fired == ["the other"]


def test_a_target_scheduled_twice_for_one_tick_wakes_once() -> None:
    class Target:
        woken = 0

        def wake(self) -> None:
            self.woken += 1

    wheel, target = TimerWheel(0.0), Target()
    wheel.schedule(1.0, target)
    wheel.schedule(1.0, target)
    wheel.advance(2.0)
    assert target.woken == 1


@given(st.floats(0, 1e7), st.lists(st.floats(0, 4000), min_size=1, max_size=20))
def test_advancing_from_deadline_to_deadline_fires_everything_in_order(start: float, delays: list[float]) -> None:
    wheel = TimerWheel(start)
    fired: list[float] = []
    for delay in delays:
        wheel.start(delay, lambda delay=delay: fired.append(delay))
    steps = 0
    while (deadline := wheel.next_deadline()) is not None:
        before = len(fired)
        wheel.advance(deadline)
        assert len(fired) > before, "a deadline at which nothing fires makes the shell spin"
        for delay in fired[before:]:
            assert start + delay <= wheel.now <= start + delay + TICK + 1e-6
        steps += 1
    assert sorted(fired) == sorted(delays)
    assert steps <= len(delays)
