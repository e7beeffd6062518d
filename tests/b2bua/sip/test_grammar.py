from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip import grammar
from b2bua.sip.errors import HeaderError


@given(st.text())
@settings(max_examples=200)
def test_unquote_undoes_quote(text: str) -> None:
    assert grammar.unquote(grammar.quote(text)) == text


@pytest.mark.parametrize("text", ["abc", '"', "", 'a"b"'])
def test_unquote_leaves_the_unquoted(text: str) -> None:
    assert grammar.unquote(text) == text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"x, y" <sip:a>, <sip:b,c>', ['"x, y" <sip:a>', "<sip:b,c>"]),
        (r'"x\", y" <sip:a>, b', [r'"x\", y" <sip:a>', "b"]),
        (",, a,,", ["a"]),
        ('a, "open, b', ["a", '"open, b']),
        ("a, <open, b", ["a", "<open, b"]),
    ],
)
def test_split_list(text: str, values: list[str]) -> None:
    assert grammar.split_list(text) == values


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        (";tag=x", {"tag": "x"}),
        (";TAG=X;lr", {"tag": "X", "lr": None}),
        (" ; a = 1 ; b", {"a": "1", "b": None}),
        (';a="1;2";b', {"a": '"1;2"', "b": None}),
        (";;a;;", {"a": None}),
        (";a=1;a=2", {"a": "1"}),
        (";received=2001:db8::1", {"received": "2001:db8::1"}),
    ],
)
def test_parse_params(text: str, params: grammar.Params) -> None:
    assert grammar.parse_params(text) == params


@pytest.mark.parametrize("text", ["x;a", ";=1", ";a=", ";a b", ";a=1 2", ';a="open', ";a=<b>", ";ä=1"])
def test_malformed_params(text: str) -> None:
    with pytest.raises(HeaderError):
        grammar.parse_params(text)


def test_format_params_writes_what_was_read() -> None:
    text = ';a=1;lr;b="x y"'

    assert grammar.format_params(grammar.parse_params(text)) == text


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("0068", 68), ("70", 70), ("0" * 5000 + "7", 7)])
def test_parse_number(text: str, number: int) -> None:
    assert grammar.parse_number(text, 70, "n") == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "71", "1_0", "\u0667", "²", "9" * 50_000, " 1"])
def test_numbers_that_are_none_or_too_large(text: str) -> None:
    with pytest.raises(HeaderError):
        grammar.parse_number(text, 70, "n")


@pytest.mark.parametrize(
    ("text", "host"),
    [("a.example.com", "a.example.com"), ("192.0.2.1", "192.0.2.1"), ("[2001:db8::1]", "2001:db8::1"), ("a_b", "a_b")],
)
def test_hosts_come_without_brackets_and_go_out_with_them(text: str, host: str) -> None:
    assert grammar.parse_host(text) == host
    assert grammar.format_host(host) == text
    assert grammar.format_host(host, 5070) == f"{text}:5070"


@pytest.mark.parametrize("text", ["", "[", "[]", "[::1", "::1", "[::1%eth0]", "[1.2.3.4]", "a b", "a@b", "[:::]"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(HeaderError):
        grammar.parse_host(text)


@pytest.mark.parametrize("unit", ['"', '\\"', "<", ",", ";", " ", ';"', "=", "a=", '<"', ";a = ", "\t;"])
def test_time_is_linear_in_the_input(unit: str) -> None:
    text = ";" + unit * (60_000 // len(unit))
    start = process_time()

    grammar.split_list(text + ",")
    for odd in (text, text + "\0"):
        try:
            grammar.parse_params(odd)
        except HeaderError:
            pass

    # A quadratic pattern needs minutes.
    assert process_time() - start < 1
