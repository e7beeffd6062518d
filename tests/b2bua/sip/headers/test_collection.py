import pytest

from b2bua.sip.headers.collection import Headers
from b2bua.sip.headers.cseq import CSeq


@pytest.fixture
def headers() -> Headers:
    return Headers([("Via", "a, b"), ("To", "x"), ("Via", "c"), ("X-Odd", "1, 2")])


def test_names_in_any_case_and_compact(headers: Headers) -> None:
    assert headers.get("v") == headers.get("VIA") == headers.get("vIa") == "a, b"
    assert headers.get("x-oDD") == "1, 2"
    assert headers.get("From") is None
    assert "t" in headers
    assert "From" not in headers


def test_only_list_headers_are_split(headers: Headers) -> None:
    assert headers.get_all("Via") == ["a", "b", "c"]
    assert headers.get_all("X-Odd") == ["1, 2"]
    assert headers.get_all("Route") == []


def test_add_appends(headers: Headers) -> None:
    assert headers.get("Subject") is None

    headers.add("s", "hello")
    headers.add("x-odd", "3")

    assert headers.items()[-2:] == [("Subject", "hello"), ("X-Odd", "3")]
    assert headers.get("Subject") == "hello"
    assert headers.get_all("X-Odd") == ["1, 2", "3"]


def test_set_replaces_every_line_in_place(headers: Headers) -> None:
    headers.set("v", "z")
    headers.set("Subject", "new")

    assert headers.items() == [("Via", "z"), ("To", "x"), ("X-Odd", "1, 2"), ("Subject", "new")]
    assert headers.get("Via") == "z"


def test_set_first_leaves_the_other_values(headers: Headers) -> None:
    headers.set_first("Via", "z")
    headers.set_first("To", "y")
    headers.set_first("Subject", "new")

    assert headers.get_all("Via") == ["z", "b", "c"]
    assert headers.get("To") == "y"
    assert headers.items()[-1] == ("Subject", "new")


def test_insert_comes_first(headers: Headers) -> None:
    headers.insert("Via", "z")

    assert headers.get("Via") == "z"
    assert headers.get_all("Via") == ["z", "a", "b", "c"]


def test_remove_drops_every_line(headers: Headers) -> None:
    assert headers.get("Via")

    assert headers.remove("v") == "a, b"
    assert headers.remove("Subject") is None

    assert headers.get("Via") is None
    assert headers.get_all("Via") == []
    assert len(headers) == 2


def test_selected_lines_keep_their_order(headers: Headers) -> None:
    assert headers.select({"Via", "X-Odd", "From"}) == [("Via", "a, b"), ("Via", "c"), ("X-Odd", "1, 2")]


def test_repeated_names(headers: Headers) -> None:
    assert headers.repeated() == {"Via"}
    assert Headers([("To", "x")]).repeated() == set()


def test_a_copy_is_ones_own(headers: Headers) -> None:
    other = headers.copy()
    assert other == headers

    other.remove("Via")

    assert other != headers
    assert headers != "headers"
    assert headers.get("Via") == "a, b"


@pytest.mark.parametrize("edit", ["set", "set_first", "insert", "remove then add"])
def test_typed_values_follow_every_edit(edit: str) -> None:
    headers = Headers([("CSeq", "1 INVITE")])
    first = headers.typed("CSeq", CSeq.parse)
    assert first == (1, "INVITE")
    assert headers.typed("CSeq", CSeq.parse) is first

    if edit == "remove then add":
        headers.remove("CSeq")
        assert headers.typed("CSeq", CSeq.parse) is None
        headers.add("CSeq", "2 BYE")
    else:
        getattr(headers, edit)("CSeq", "2 BYE")

    assert headers.typed("CSeq", CSeq.parse) == (2, "BYE")


def test_typed_lists_follow_every_edit(headers: Headers) -> None:
    assert headers.typed_all("Via", str.upper) == ["A", "B", "C"]

    headers.add("Via", "d")

    assert headers.typed_all("Via", str.upper) == ["A", "B", "C", "D"]
