import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.quality import Reception


def play(sequences: list[int], start: int = 65530) -> Reception:
    """20 ms packets of 8000 Hz audio that arrive on time, in the order given."""
    reception = Reception()
    for sequence in sequences:
        reception.count((start + sequence) & 0xFFFF, 160 * sequence, 1, 5.0 + 0.02 * sequence)
    return reception


def test_nothing_yet() -> None:
    assert (Reception().lost, Reception().jitter_ms, Reception().ssrc) == (0, 0.0, None)


def test_a_perfect_stream_over_the_wrap() -> None:
    reception = play(list(range(100)))
    assert reception.lost == 0
    assert reception.jitter_ms == pytest.approx(0.0, abs=1e-6)
    assert reception.ssrc == 1


@given(st.sets(st.integers(1, 198)), st.integers(0, 65535))
@settings(max_examples=50)
def test_what_is_missing_is_lost(missing: set[int], start: int) -> None:
    assert play([n for n in range(200) if n not in missing], start).lost == len(missing)


def test_reordered_is_not_lost_and_duplicates_hide_no_more_than_they_are() -> None:
    assert play([0, 1, 3, 2, 4]).lost == 0
    assert play([0, 1, 1, 2]).lost == 0


def test_a_restarted_sender_is_no_loss() -> None:
    reception = play([0, 1, 3])
    reception.count(20000, 0, 1, 6.0)
    reception.count(20001, 160, 1, 6.02)
    assert reception.lost == 1


def test_another_ssrc_keeps_the_loss_so_far() -> None:
    reception = play([0, 1, 3])
    reception.count(7, 0, 2, 6.0)
    reception.count(9, 320, 2, 6.04)
    assert reception.lost == 2
    assert reception.ssrc == 2


def test_jitter_follows_rfc_3550() -> None:
    reception = Reception()
    reception.count(0, 0, 1, 1.0)
    reception.count(1, 160, 1, 1.020 + 0.016)
    assert reception.jitter_ms == pytest.approx(1.0)
    for n in range(2, 500):  # alternating 16 ms late and on time: the jitter approaches 16 ms
        reception.count(n, 160 * n, 1, 1.0 + 0.02 * n + 0.016 * (n % 2))
    assert reception.jitter_ms == pytest.approx(16.0, abs=0.01)


def test_jitter_at_another_clock_rate() -> None:
    reception = Reception()
    reception.set_clock_rate(48000)
    reception.count(0, 0, 1, 1.0)
    reception.count(1, 960, 1, 1.036)
    assert reception.jitter_ms == pytest.approx(1.0)


def test_neither_digits_nor_a_jumping_clock_are_jitter() -> None:
    reception = play([0, 1])
    for n in range(2, 10):  # an RFC 4733 event: the timestamp stands still
        reception.count((65530 + n) & 0xFFFF, 160, 1, 5.0 + 0.02 * n)
    reception.count(4, 3_000_000_000, 1, 5.2)
    assert reception.jitter_ms == pytest.approx(0.0, abs=1e-6)
