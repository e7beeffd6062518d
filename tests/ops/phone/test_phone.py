"""Two real telephones call each other directly, without Pinhole between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.phone import Phone, PhoneError
from ops.phone.audio import listen_for, write_tone


@pytest.fixture
def phones() -> Iterator[tuple[Phone, Phone]]:
    with Phone("alice") as alice, Phone("bob") as bob:
        yield alice, bob


def test_two_phones_hear_each_other_and_dial(phones: tuple[Phone, Phone], tmp_path: Path) -> None:
    alice, bob = phones
    alice.act_as("alice")
    uri = bob.act_as("bob")
    for phone, tone in ((alice, 440), (bob, 1000)):
        write_tone(tmp_path / f"{phone.name}.wav", tone)
        phone.play(tmp_path / f"{phone.name}.wav")
        phone.record(tmp_path / f"{phone.name}-heard.wav")
    alice.call(uri)
    assert bob.answer() == "<sip:alice@127.0.0.1>"
    alice.wait_answered()
    bob.wait_answered()
    alice.dial("42#")
    assert [bob.wait("dtmf", 10)["digit"] for _ in range(3)] == ["4", "2", "#"]
    while (reception := bob.reception()).packets < 75:  # 1.5 s, so that there is more to hear than digits
        assert reception.codec == "PCMU"
    alice.hang_up()
    alice.wait_ended()
    bob.wait_ended()
    for phone, own, other in ((alice, 440, 1000), (bob, 1000, 440)):
        heard = tmp_path / f"{phone.name}-heard.wav"
        assert listen_for(heard, other).tone_s > 0.5
        assert listen_for(heard, own).tone_s == 0.0


def test_a_busy_phone_says_so(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    alice.act_as("alice")
    uri = bob.act_as("bob")
    alice.call(uri)
    bob.wait("incoming", 10)
    bob.request("hangup", status=486)
    with pytest.raises(PhoneError, match="alice: the call failed: 486"):
        alice.wait_answered()


def test_what_a_phone_cannot_do_is_told(phones: tuple[Phone, Phone]) -> None:
    alice, _ = phones
    alice.act_as("alice")
    with pytest.raises(PhoneError, match="alice: hangup: there is no call"):
        alice.hang_up()
    with pytest.raises(PhoneError, match="alice: call: "):
        alice.call("this is no URI")
    with pytest.raises(PhoneError, match="alice: waited in vain for incoming"):
        alice.wait("incoming", 0.0)


def test_a_phone_that_died_is_told(phones: tuple[Phone, Phone]) -> None:
    alice, _ = phones
    alice.request("quit")
    with pytest.raises(PhoneError, match="alice: its process ended"):
        alice.wait("incoming", 10)
