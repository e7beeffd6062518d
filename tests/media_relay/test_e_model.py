import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.e_model import mos, rating

losses = st.floats(0, 1)
delays = st.floats(0, 5000)
codecs = st.sampled_from(["PCMU", "pcma", "G729", "GSM", "opus", ""])


def test_a_perfect_g711_call_has_the_mos_of_g107() -> None:
    assert mos(loss=0, delay_ms=0) == pytest.approx(4.41, abs=0.01)


def test_g729_costs_what_g113_says() -> None:
    assert rating(loss=0, delay_ms=0, codec="G729") == pytest.approx(93.2 - 11)


def test_five_percent_loss_of_concealed_g711() -> None:
    assert rating(loss=0.05, delay_ms=0) == pytest.approx(93.2 - 95 * 5 / 30.1)


def test_delay_hurts_more_once_people_interrupt_each_other() -> None:
    at_100, at_200, at_300 = (rating(loss=0, delay_ms=delay) for delay in (100, 200, 300))
    assert at_100 - at_200 < at_200 - at_300


def test_a_call_without_any_packet_is_as_bad_as_can_be() -> None:
    assert mos(loss=1, delay_ms=2000) == 1.0


@given(losses, delays, codecs)
def test_the_score_stays_on_the_scale(loss: float, delay: float, codec: str) -> None:
    assert 1.0 <= mos(loss=loss, delay_ms=delay, codec=codec) <= 4.5


@given(losses, losses, delays, codecs)
def test_more_loss_never_sounds_better(one: float, other: float, delay: float, codec: str) -> None:
    less, more = sorted((one, other))
    assert rating(loss=more, delay_ms=delay, codec=codec) <= rating(loss=less, delay_ms=delay, codec=codec)
