import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.admission import RETRY_WHEN_FULL_S, Admission, OverloadedError, TrunkLoad
from b2bua.config import PHONES, B2buaConfig, CallLimit, Trunk

NOW = 5000.0
UNLIMITED = CallLimit()


def admission(node: CallLimit = UNLIMITED, **trunks: CallLimit) -> Admission:
    configured = {name: Trunk(name, (), limit=limit) for name, limit in trunks.items()}
    return Admission(B2buaConfig("n1", (), configured, (), limit=node))


def test_without_limits_calls_are_only_counted() -> None:
    door = admission(carrier=CallLimit())
    for _ in range(1000):
        door.admit("carrier", NOW)
        door.admit_out(PHONES, NOW)
    assert door.active_calls == 1000
    assert door.load("carrier") == TrunkLoad(1000, 0)
    assert door.load(PHONES) == TrunkLoad(0, 1000)
    assert door.load("unheard-of") == TrunkLoad(0, 0)


def test_a_full_node_answers_503_with_retry_after_until_a_call_ends() -> None:
    door = admission(CallLimit(calls=2), carrier=CallLimit())
    door.admit("carrier", NOW)
    door.admit(PHONES, NOW)
    with pytest.raises(OverloadedError) as refusal:
        door.admit("carrier", NOW)
    assert refusal.value.status == 503
    assert refusal.value.headers == [("Retry-After", str(RETRY_WHEN_FULL_S))]
    door.release(PHONES)
    door.admit("carrier", NOW)


def test_a_trunk_s_channels_hold_calls_in_and_calls_out() -> None:
    door = admission(carrier=CallLimit(calls=2))
    door.admit("carrier", NOW)
    door.admit_out("carrier", NOW)
    with pytest.raises(OverloadedError):
        door.admit("carrier", NOW)
    with pytest.raises(OverloadedError):
        door.admit_out("carrier", NOW)
    door.release_out("carrier")
    door.admit("carrier", NOW)


def test_a_full_trunk_does_not_stop_another() -> None:
    door = admission(one=CallLimit(calls=1), two=CallLimit(calls=1))
    door.admit("one", NOW)
    door.admit("two", NOW)
    assert door.active_calls == 2


def test_calls_a_second_may_come_at_once_and_then_at_the_rate() -> None:
    door = admission(carrier=CallLimit(calls_per_second=10))
    for _ in range(10):
        door.admit("carrier", NOW)
    with pytest.raises(OverloadedError) as refusal:
        door.admit("carrier", NOW)
    assert refusal.value.retry_after_s == 1
    door.admit("carrier", NOW + 0.1)
    with pytest.raises(OverloadedError):
        door.admit("carrier", NOW + 0.1)


def test_a_slow_rate_tells_how_long_to_wait() -> None:
    door = admission(carrier=CallLimit(calls_per_second=0.1))
    door.admit("carrier", NOW)
    with pytest.raises(OverloadedError) as refusal:
        door.admit("carrier", NOW + 1)
    assert refusal.value.retry_after_s == 9
    door.admit("carrier", NOW + 10)


def test_calls_in_do_not_use_up_the_rate_of_calls_out() -> None:
    door = admission(carrier=CallLimit(calls_per_second=1))
    door.admit("carrier", NOW)
    door.admit_out("carrier", NOW)


def test_a_refusal_takes_nothing_from_the_node() -> None:
    door = admission(CallLimit(calls=2, calls_per_second=2), carrier=CallLimit(calls_per_second=0.01))
    door.admit("carrier", NOW)
    for _ in range(5):
        with pytest.raises(OverloadedError, match="trunk carrier"):
            door.admit("carrier", NOW)
    door.admit(PHONES, NOW)
    assert door.active_calls == 2


def test_a_call_each_hundredth_of_a_second_is_not_lost_to_rounding() -> None:
    door = admission(carrier=CallLimit(calls_per_second=100))
    for _ in range(100):
        door.admit("carrier", NOW)
    for hundredths in range(1, 1000):
        door.admit("carrier", NOW + hundredths * 0.01)


def test_releasing_twice_is_a_fault_and_changes_nothing() -> None:
    door = admission(carrier=CallLimit())
    door.admit("carrier", NOW)
    door.release("carrier")
    with pytest.raises(ValueError, match="released twice"):
        door.release("carrier")
    with pytest.raises(ValueError, match="released twice"):
        door.release_out("carrier")
    assert door.active_calls == 0


@settings(max_examples=100, deadline=None)
@given(st.floats(0.5, 50), st.lists(st.floats(0, 0.5), max_size=200))
def test_no_stretch_of_time_sees_more_than_the_rate_and_one_burst(rate: float, gaps: list[float]) -> None:
    door = admission(CallLimit(calls_per_second=rate))
    now = NOW
    admitted: list[float] = []
    for gap in gaps:
        now += gap
        try:
            door.admit(PHONES, now)
        except OverloadedError:
            continue
        admitted.append(now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= max(1.0, rate) + (admitted[last] - admitted[first]) * rate + 1e-6
