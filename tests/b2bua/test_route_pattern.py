import re
import time

import pytest

from b2bua.route_pattern import MAX_NUMBER_LENGTH, Rewrite, check_pattern

SAFE = [
    r"\d+",
    r"\+?(\d+)",
    r"(?:00|\+)(\d{4,15})",
    r"(?P<user>[a-z.]+)-(\d*)",
    r".*1.*",
    r"(\d{1,2}){3}",
    r"a++b",
    r"(?=\d+)\d{3}",
    r"(0)?(?(1)\d|\d\d)",
    r"(?>\d+)x",
    r"(\d)\1",
    r"",
]
RUNAWAY = [
    r"(\d+)+x",
    r"(?:\d*)*x",
    r"(\d|\d\d)+x",
    r"(?:\d{1,3})*x",
    r"\d*\d*\d*\d*x",
    r"(\d{1,2}){200}",
    r"(?>(\d+)+x)",
    r"(?=(\d+)+x)1",
    r"(?:\d+)++x|(?:(\d+)+)++x",
    r"(1)?(?(1)(\d+)+x|2)",
]


@pytest.mark.parametrize("pattern", SAFE)
def test_usual_patterns_are_let_through(pattern: str) -> None:
    check_pattern(re.compile(pattern))


@pytest.mark.parametrize("pattern", RUNAWAY)
def test_patterns_that_run_away_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="too many ways"):
        check_pattern(re.compile(pattern))


@pytest.mark.parametrize("pattern", [r"\d*\d*x", r".*1.*x", r"\+?\d+\.?\d+x", r"(?:1|11|111){8}1{0,20}x"])
def test_the_worst_pattern_let_through_ends_soon(pattern: str) -> None:
    compiled = re.compile(pattern)
    check_pattern(compiled)
    started = time.process_time()
    compiled.fullmatch("1" * MAX_NUMBER_LENGTH)
    assert time.process_time() - started < 0.5


def rewritten(template: str, pattern: str, number: str) -> str:
    compiled = re.compile(pattern)
    match = compiled.fullmatch(number)
    assert match is not None
    return Rewrite(template, compiled).apply(match)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ""),
        ("fixed", "fixed"),
        (r"\1", "12"),
        (r"+\2-\1", "+34-12"),
        (r"\100", "1200"),
        (r"\g<2>0", "340"),
        (r"\g<last>", "34"),
        (r"\g<0>#", "1234#"),
        (r"a\\1", r"a\1"),
        (r"\3", ""),
    ],
)
def test_a_template_takes_its_groups(template: str, expected: str) -> None:
    assert rewritten(template, r"(\d\d)(?P<last>\d\d)(x)?", "1234") == expected


@pytest.mark.parametrize("template", [r"\2", r"\g<2>", r"\g<nobody>", r"\0", r"\n", "end\\", r"\g<1"])
def test_a_template_that_asks_for_what_is_not_there_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="rewriting"):
        Rewrite(template, re.compile(r"(\d)"))
