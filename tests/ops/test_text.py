from hypothesis import given
from hypothesis import strategies as st

from ops.text import harmless


def test_ordinary_text_is_left_alone() -> None:
    assert harmless("Zoë <sip:1@x>") == "Zoë <sip:1@x>"


def test_what_a_terminal_acts_on_is_shown() -> None:
    assert harmless("\x1b[2J\r\n\x9b") == "\\x1b[2J\\x0d\\x0a\\x9b"
    assert harmless("abc\u202edef") == "abc\\u202edef"


def test_bytes_that_are_no_utf8_are_shown_as_bytes() -> None:
    assert harmless(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\xe9"


@given(st.text())
def test_the_result_can_always_be_written_and_holds_no_control(text: str) -> None:
    shown = harmless(text)
    shown.encode("utf-8")
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
