from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.monitoring.distribution import Distribution


def test_a_bound_belongs_to_its_bucket() -> None:
    values = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        values.observe(value)
    assert values.buckets() == [("1.0", 2.0), ("2.0", 4.0), ("+Inf", 5.0)]
    assert values.total == 12.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 100), min_size=1, max_size=8, unique=True).map(sorted))
def test_buckets_count_what_does_not_exceed_them(observed: list[float], bounds: list[float]) -> None:
    values = Distribution(bounds)
    for value in observed:
        values.observe(value)
    expected = [float(sum(value <= bound for value in observed)) for bound in bounds]
    assert [count for _, count in values.buckets()] == [*expected, float(len(observed))]
