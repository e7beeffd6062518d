import pytest

from media_relay.latching import Latch

SIGNALLED = ("203.0.113.1", 4000)
OTHER_PORT = ("203.0.113.1", 4999)
SIGNALLING = ("198.51.100.7", 1234)
STRANGER = ("192.0.2.66", 6666)
STRANGER_2 = ("192.0.2.67", 6667)
WINDOW_END = 10.0


def latch(hint: str | None = "198.51.100.7") -> Latch:
    opened = Latch()
    opened.expect(SIGNALLED, hint, WINDOW_END)
    return opened


def test_media_goes_to_the_signalled_address_until_somebody_is_learned() -> None:
    a = latch()
    assert (a.destination, a.source) == (SIGNALLED, None)
    assert a.admit(STRANGER, 1.0)
    assert (a.destination, a.source) == (STRANGER, STRANGER)


def test_a_better_source_takes_over_in_the_window_and_a_worse_one_never() -> None:
    a = latch()
    order = [STRANGER, SIGNALLING, OTHER_PORT, SIGNALLED]
    for better in order:
        assert a.admit(better, 1.0)
        assert a.destination == better
    for worse in order[:-1]:
        assert not a.admit(worse, 1.0)
    assert a.admit(SIGNALLED, 1.0)


def test_of_equals_the_first_stays() -> None:
    a = latch()
    assert a.admit(STRANGER, 1.0)
    assert not a.admit(STRANGER_2, 1.0)
    assert a.admit(STRANGER, 99.0)


def test_after_the_window_nobody_takes_over_not_even_the_signalled_address() -> None:
    a = latch()
    assert a.admit(STRANGER, 1.0)
    assert not a.admit(SIGNALLED, WINDOW_END + 1)
    assert a.destination == STRANGER


@pytest.mark.parametrize(("source", "admitted"), [(SIGNALLED, True), (OTHER_PORT, True), (SIGNALLING, True)])
def test_a_late_first_packet_is_heard(source: tuple[str, int], admitted: bool) -> None:
    assert latch().admit(source, WINDOW_END + 60) is admitted


def test_a_late_stranger_is_refused() -> None:
    a = latch()
    assert not a.admit(STRANGER, WINDOW_END + 60)
    assert a.destination == SIGNALLED


def test_without_a_hint_nobody_has_its_trust() -> None:
    a = latch(hint=None)
    assert not a.admit(SIGNALLING, WINDOW_END + 60)


def test_a_new_window_learns_anew_and_sends_on_meanwhile() -> None:
    a = latch()
    a.admit(STRANGER, 1.0)
    a.reopen(100.0)
    assert a.destination == STRANGER
    assert a.source is None
    assert a.admit(STRANGER_2, 91.0)
    assert a.destination == STRANGER_2


def test_another_signalled_address_is_sent_to_at_once() -> None:
    a = latch()
    a.admit(STRANGER, 1.0)
    a.expect(("203.0.113.9", 1), None, 100.0)
    assert a.destination == ("203.0.113.9", 1)


def test_hold_by_address_sends_nowhere_until_something_comes() -> None:
    a = latch()
    a.admit(SIGNALLED, 1.0)
    a.expect(None, None, 100.0)
    assert a.destination is None
    assert a.admit(SIGNALLED, 91.0)


def test_ip6_sources_with_flow_and_scope() -> None:
    a = Latch()
    a.expect(("2001:db8::1", 4000), None, WINDOW_END)
    assert a.admit(("2001:db8::1", 4000, 0, 0), 50.0)
    assert not a.admit(("2001:db8::2", 4000, 0, 0), 51.0)
