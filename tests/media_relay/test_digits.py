import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.digits import KEPT, Digit, Digits
from tests.media_relay.harness import RelayBench, audio
from tests.media_relay.media import rtp

RATE = 8000


def event(code: int, duration: int, *, end: bool = False, timestamp: int = 800) -> bytes:
    header = struct.pack("!BBHII", 0x80, 101, 1, timestamp, 0x1234)
    return header + struct.pack("!BBH", code, (0x80 if end else 0) | 10, duration)


def press(digits: Digits, key: str, timestamp: int) -> None:
    code = "0123456789*#ABCD".index(key)
    for packet in (event(code, 160), event(code, 320), *[event(code, 800, end=True)] * 3):
        digits.take(packet, timestamp)


@pytest.fixture
def digits() -> Digits:
    return Digits(frozenset({101}), RATE)


def test_a_key_is_told_once_at_its_end(digits: Digits) -> None:
    digits.take(event(5, 160), 800)
    assert not digits.news
    for _ in range(3):
        digits.take(event(5, 800, end=True), 800)
    assert list(digits.news) == [Digit("5", 100)]


def test_the_same_key_again(digits: Digits) -> None:
    for number, key in enumerate("11#D*0"):
        press(digits, key, number)
    assert "".join(digits.pressed) == "11#D*0"


def test_a_key_whose_end_was_lost_is_told_with_the_next(digits: Digits) -> None:
    digits.take(event(1, 400), 800)
    digits.take(event(2, 160), 1600)
    assert list(digits.news) == [Digit("1", 50)]


@pytest.mark.parametrize("packet", [rtp(1)[:12], event(16, 800, end=True), event(200, 1, end=True), event(1, 1)[:14]])
def test_what_is_no_key(digits: Digits, packet: bytes) -> None:
    digits.take(packet, 800)
    digits.take(packet, 801)
    assert not digits.news


@given(st.lists(st.tuples(st.binary(min_size=12, max_size=40), st.integers(0, 3)), max_size=20))
def test_garbage(packets: list[tuple[bytes, int]]) -> None:
    digits = Digits(frozenset({101}), RATE)
    for packet, timestamp in packets:
        digits.take(packet, timestamp)


def test_a_flood_of_keys_is_bounded(digits: Digits) -> None:
    for number in range(10 * KEPT):
        press(digits, "1", number)
    assert len(digits.news) == len(digits.pressed) == KEPT


def test_a_call_is_watched_for_the_types_that_each_side_was_told() -> None:
    bench = RelayBench()
    bench.offer(audio("203.0.113.1", 4000, "rtpmap:101 telephone-event/8000"))
    bench.answer(audio("203.0.113.2", 5000, "rtpmap:96 telephone-event/8000").replace("8 101", "8 96"))
    (dialogue,) = bench.relay.calls["c"].dialogues
    found = [side.streams[0].rtp.digits for side in dialogue.sides if side.streams[0]]
    assert [each.types for each in found if each] == [{96}, {101}]
