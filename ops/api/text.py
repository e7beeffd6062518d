"""Text out of Redis for JSON, which must be UTF-8: what the network sent need not be."""

from collections.abc import Mapping


def utf8(text: str) -> str:
    """``text`` with each byte that was no UTF-8 (``surrogateescape``) shown as ``\\xff``."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def utf8_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """A hash for JSON."""
    return {utf8(name): utf8(value) for name, value in fields.items()}


def number(text: str | None) -> float | None:
    """A number out of Redis, where anyone may have written; None for what is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None


def count(text: str | None) -> int:
    """A counter out of Redis; 0 for what is none."""
    return int(number(text) or 0)
