from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from b2bua.transport.srv import SrvRecord, in_order

RECORDS = st.lists(
    st.builds(SrvRecord, st.integers(0, 3), st.integers(0, 65535), st.integers(1, 65535), st.sampled_from("abc"))
)


@given(RECORDS, st.randoms(use_true_random=False))
def test_every_record_comes_once_and_lower_priorities_first(records: list[SrvRecord], random: Random) -> None:
    ordered = in_order(records, random.random)
    assert sorted(ordered) == sorted(records)
    assert [record.priority for record in ordered] == sorted(record.priority for record in records)


def test_weights_share_the_first_place_in_their_proportion() -> None:
    random = Random(1)
    records = [SrvRecord(1, 3, 5060, "often"), SrvRecord(1, 1, 5060, "seldom"), SrvRecord(1, 0, 5060, "rarely")]
    first = Counter(in_order(records, random.random)[0].target for _ in range(4000))
    assert 2.6 < first["often"] / first["seldom"] < 3.4
    assert 0 < first["rarely"] < 100
