"""Text from the network, made harmless to look at."""

import unicodedata

_RISKY = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Controls, direction marks, private use, lone surrogates, separators: what moves a cursor or deceives an eye."""


def harmless(text: str) -> str:
    """``text`` with everything that a terminal could act on shown as an escape (``\\x1b``)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _RISKY:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # A byte that was no UTF-8, kept by surrogateescape.
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
