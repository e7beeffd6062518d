"""Regular expressions of routes: which are safe to run on a stranger's number, and how they rewrite it.

Python's ``re`` backtracks: ``(\\d+)+x`` takes longer than the universe is old on forty digits. How many ways a pattern
can divide a number is computed from its parse tree when the configuration is read; patterns with too many are refused
there, so that no call ever meets one.
"""

import re
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined]  # no public parser; Pinhole pins Python's versions
from typing import Any

MAX_WAYS = 300_000
"""Ways to divide the longest number that are tolerated: some milliseconds of matching at the very worst."""

MAX_NUMBER_LENGTH = 256
"""Longer called numbers (characters) are refused unread; a telephone number has 15 digits, a long name 64."""

_REFERENCE = re.compile(r"\\(?:([1-9])|g<(\w+)>|(\\))")


def check_pattern(pattern: re.Pattern[str]) -> None:
    """Raise ValueError when ``pattern`` may backtrack without a sensible bound."""
    ways = _ways(_parser.parse(pattern.pattern, pattern.flags))
    if ways > MAX_WAYS:
        raise ValueError(
            f"the pattern {pattern.pattern} can be matched in too many ways, so that a crafted number would stop all "
            "calls: do not put + or * on a group that has +, * or | inside, and use at most two of them in a row"
        )


def _ways(sequence: Iterable[tuple[Any, Any]]) -> int:
    """An upper bound of the paths a backtracking matcher can take through ``sequence``; stops counting when absurd."""
    ways = 1
    for operator, argument in sequence:
        ways *= _ways_of_one(operator, argument)
        if ways > MAX_WAYS:
            return MAX_WAYS + 1
    return ways


def _ways_of_one(operator: Any, argument: Any) -> int:
    if operator in (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT):
        least, most, body = argument
        once = _ways(body)
        if operator is _constants.POSSESSIVE_REPEAT and once == 1:
            return 1
        return _ways_of_repeat(once, least, min(most, max(least, MAX_NUMBER_LENGTH)))
    if operator is _constants.BRANCH:
        return sum(_ways(alternative) for alternative in argument[1])
    if operator is _constants.GROUPREF_EXISTS:
        return _ways(argument[1]) + _ways(argument[2] or ())
    if operator is _constants.SUBPATTERN:
        return _ways(argument[3])
    if operator in (_constants.ASSERT, _constants.ASSERT_NOT):
        return _ways(argument[1])
    if operator is _constants.ATOMIC_GROUP:
        return _ways(argument)
    return 1


def _ways_of_repeat(once: int, least: int, most: int) -> int:
    """``once**least + ... + once**most``, not counted beyond what is refused anyway."""
    if once == 1:
        return most - least + 1
    if most > 1 and least >= MAX_WAYS.bit_length():
        return MAX_WAYS + 1
    ways = 0
    for times in range(least, most + 1):
        ways += once**times
        if ways > MAX_WAYS:
            break
    return ways


class Rewrite:
    """A new called number from what a pattern matched: ``\\1``, ``\\g<12>``, ``\\g<name>``; ``\\\\`` is a backslash.

    ``\\1`` takes one digit only: ``\\100`` is group 1 and two zeros, for templates are full of digits. A group that
    took no part in the match gives nothing. Raises ValueError when the pattern has no such group.
    """

    __slots__ = ("_parts",)

    def __init__(self, template: str, pattern: re.Pattern[str]) -> None:
        self._parts: list[str | int] = []
        position = 0
        for reference in _REFERENCE.finditer(template):
            self._literal(template[position : reference.start()])
            digit, name, backslash = reference.groups()
            self._parts.append(backslash or _group_number(digit or name, pattern))
            position = reference.end()
        self._literal(template[position:])

    def apply(self, match: re.Match[str]) -> str:
        """The new called number."""
        return "".join([part if isinstance(part, str) else match[part] or "" for part in self._parts])

    def _literal(self, text: str) -> None:
        if "\\" in text:
            raise ValueError(f"the rewriting has a backslash that begins no group: {text}")
        if text:
            self._parts.append(text)


def _group_number(group: str, pattern: re.Pattern[str]) -> int:
    number = int(group) if group.isdecimal() else pattern.groupindex.get(group, -1)
    if not 0 <= number <= pattern.groups:
        raise ValueError(f"the rewriting asks for group {group}, which the pattern {pattern.pattern} does not have")
    return number
