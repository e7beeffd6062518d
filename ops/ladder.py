"""Draws a call's ladder: who sent what to whom, and when, as text of fixed width."""

from collections.abc import Mapping, Sequence

from ops.text import harmless

_TIME = 9
_SPAN = 34
"""Characters from one life line to the next."""

_CALLER = "a"
_RELAY = "relay"


def draw(entries: Sequence[Mapping[str, str]]) -> list[str]:
    """One line an entry (``time``, ``leg``, ``direction``, ``peer``, ``summary``), below two lines of heading.

    Times are shown in seconds after the first entry. Steps with the relay stand on Pinhole's life line.
    """
    if not entries:
        return []
    lines = _life_lines(entries)
    start = float(entries[0]["time"])
    drawn = _heading(entries, lines)
    for entry in entries:
        row = _empty_row(lines)
        if entry["leg"] == _RELAY:
            arrow = "<-" if entry["direction"] == "in" else "->"
            _write_centred(row, lines["pinhole"], f" {arrow} relay: {harmless(entry['summary'])} ", _SPAN)
        else:
            _draw_arrow(row, entry, lines)
        drawn.append(f"{float(entry['time']) - start:{_TIME - 1}.3f} {''.join(row)}".rstrip())
    return drawn


def _life_lines(entries: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """The column of each leg: the caller's, our own, then those that were called."""
    called = dict.fromkeys(entry["leg"] for entry in entries if entry["leg"] not in (_CALLER, _RELAY))
    return {name: index * _SPAN for index, name in enumerate((_CALLER, "pinhole", *called))}


def _heading(entries: Sequence[Mapping[str, str]], lines: Mapping[str, int]) -> list[str]:
    names, peers = _blank(lines), _blank(lines)
    for name, column in lines.items():
        peer = next((entry["peer"] for entry in entries if entry["leg"] == name), "")
        _write_centred(names, column, name.upper() if name != "pinhole" else "Pinhole", _SPAN)
        _write_centred(peers, column, harmless(peer), _SPAN)
    return [" " * _TIME + "".join(row).rstrip() for row in (names, peers)]


def _blank(lines: Mapping[str, int]) -> list[str]:
    return [" "] * (max(lines.values()) + _SPAN // 2)


def _empty_row(lines: Mapping[str, int]) -> list[str]:
    row = _blank(lines)
    for column in lines.values():
        row[column] = "|"
    return row


def _draw_arrow(row: list[str], entry: Mapping[str, str], lines: Mapping[str, int]) -> None:
    ours, theirs = lines["pinhole"], lines[entry["leg"]]
    left, right = sorted((ours, theirs))
    row[left + 1 : right] = "-" * (right - left - 1)
    to_the_right = (entry["direction"] == "out") == (theirs > ours)
    row[right - 1 if to_the_right else left + 1] = ">" if to_the_right else "<"
    # Beside our own life line, so that the labels of several called parties stand below each other.
    middle = (left + right) // 2 if right - left == _SPAN else ours + _SPAN // 2
    _write_centred(row, middle, f" {harmless(entry['summary'])} ", _SPAN - 6)


def _write_centred(row: list[str], column: int, text: str, width: int) -> None:
    if len(text) > width:
        text = f"{text[: width - 3].rstrip()}.. "
    start = max(0, column - len(text) // 2)
    row[start : start + len(text)] = text[: len(row) - start]
