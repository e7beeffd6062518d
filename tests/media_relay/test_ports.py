import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.ports import PortPool, PortsExhaustedError


@given(
    first=st.integers(1024, 1040),
    size=st.integers(2, 20),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.floats(0, 5)), max_size=60),
)
@settings(max_examples=150)
def test_no_pair_is_given_out_twice_nor_before_it_has_rested(
    first: int, size: int, steps: list[tuple[bool, int, float]]
) -> None:
    last, now = first + size, 0.0
    pool = PortPool(first, last, 10.0)
    in_use: list[int] = []
    released: dict[int, float] = {}
    for take, which, pause in steps:
        now += pause
        if take:
            resting = {port for port, when in released.items() if now < when + 10.0}
            try:
                port = pool.allocate(now)
            except PortsExhaustedError:
                assert len(in_use) + len(resting - set(in_use)) == pool.total
                continue
            assert port % 2 == 0
            assert first <= port
            assert port + 1 <= last
            assert port not in in_use
            assert port not in resting
            in_use.append(port)
        elif in_use:
            port = in_use.pop(which % len(in_use))
            pool.release(port, now)
            released[port] = now
        assert pool.used == len(in_use)


def test_a_pair_rests_for_the_whole_quarantine() -> None:
    pool = PortPool(30000, 30001, 10.0)
    pool.release(pool.allocate(0.0), 5.0)
    with pytest.raises(PortsExhaustedError):
        pool.allocate(14.9)
    assert pool.allocate(15.0) == 30000


@pytest.mark.parametrize(("first", "last", "pairs"), [(30000, 30003, 2), (30001, 30004, 1), (30000, 30000, 0)])
def test_only_whole_pairs_inside_the_range(first: int, last: int, pairs: int) -> None:
    assert PortPool(first, last, 0.0).total == pairs


def test_nothing_is_released_twice() -> None:
    pool = PortPool(30000, 30003, 0.0)
    port = pool.allocate(0.0)
    pool.release(port, 0.0)
    with pytest.raises(KeyError):
        pool.release(port, 0.0)


def test_the_order_may_be_mixed() -> None:
    pool = PortPool(30000, 30005, 0.0, shuffle=list.reverse)
    assert [pool.allocate(0.0) for _ in range(3)] == [30004, 30002, 30000]
