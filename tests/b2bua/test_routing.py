import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.config import PHONES, B2buaConfig, Route, Trunk
from b2bua.route_pattern import MAX_NUMBER_LENGTH
from b2bua.routing import CalledNumberMissingError, CalledNumberTooLongError, Destination, NoRouteError, Router


def router(*routes: Route) -> Router:
    trunks = {name: Trunk(name, ()) for name in ("carrier", "backup", "pbx")}
    return Router(B2buaConfig("n1", (), trunks, routes))


def route(
    called: str, *trunks: str, source: str | None = None, rewrite: str | None = None, flags: re.RegexFlag | int = 0
) -> Route:
    return Route(re.compile(called, flags), trunks or ("carrier",), source, rewrite)


def test_the_first_route_that_matches_wins() -> None:
    routes = router(route(r"1\d\d", PHONES), route(r"\d+", "carrier", "backup"))
    assert routes.route("pbx", "101") == Destination("101", (PHONES,))
    assert routes.route("pbx", "1010") == Destination("1010", ("carrier", "backup"))


def test_a_route_can_be_for_one_source() -> None:
    routes = router(route(r".*", PHONES, source="carrier"), route(r".*", "carrier", source=PHONES))
    assert routes.route("carrier", "alice").trunks == (PHONES,)
    assert routes.route(PHONES, "alice").trunks == ("carrier",)
    with pytest.raises(NoRouteError):
        routes.route("pbx", "alice")


def test_the_pattern_matches_the_whole_number() -> None:
    routes = router(route(r"0[1-9]\d+"))
    for called in ("00123", "0123x", "x0123", "0123\n"):
        with pytest.raises(NoRouteError):
            routes.route("pbx", called)
    assert routes.route("pbx", "0123").called == "0123"


def test_alternatives_are_matched_whole_too() -> None:
    with pytest.raises(NoRouteError):
        router(route(r"110|112")).route("pbx", "1101")


def test_the_number_is_rewritten_from_its_groups() -> None:
    routes = router(
        route(r"00(\d+)", rewrite=r"+\1"),
        route(r"0(?P<area>\d{2})(?P<rest>\d+)", rewrite=r"+49\g<area>\g<rest>"),
        route(r"(\d)", rewrite=r"\100"),
        route(r"\*(\d)(\d)?", rewrite=r"x\2\1"),
    )
    assert routes.route("pbx", "0044123").called == "+44123"
    assert routes.route("pbx", "030123").called == "+4930123"
    assert routes.route("pbx", "7").called == "700"
    assert routes.route("pbx", "*1").called == "x1"


def test_flags_of_the_pattern_count() -> None:
    assert router(route("alice", flags=re.IGNORECASE)).route("pbx", "ALICE").called == "ALICE"


@pytest.mark.parametrize(("called", "status"), [("", 484), ("1" * (MAX_NUMBER_LENGTH + 1), 414), ("nobody", 404)])
def test_a_call_to_nowhere_has_its_status(called: str, status: int) -> None:
    expected = {404: NoRouteError, 414: CalledNumberTooLongError, 484: CalledNumberMissingError}[status]
    with pytest.raises(expected) as refusal:
        router(route(r"\d+")).route("pbx", called)
    assert refusal.value.status == status


def test_an_unknown_source_has_no_route() -> None:
    with pytest.raises(NoRouteError):
        router(route(".*")).route("stranger", "1")


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (route(".*", "nowhere"), r"routes\[1\] names a trunk that is not configured: nowhere"),
        (route(".*", source="nowhere"), r"routes\[1\] names a trunk that is not configured: nowhere"),
        (route(r"(\d+)+"), r"routes\[1\]: the pattern .* too many ways"),
        (route(r"(\d+)", rewrite=r"\2"), r"routes\[1\]: .* group 2"),
    ],
)
def test_a_bad_route_is_named_when_the_router_is_built(bad: Route, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        router(route(r"\d"), bad)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_called_text_is_routed_or_refused(called: str) -> None:
    try:
        destination = router(route(r"(\d+)(.*)", rewrite=r"\2\1")).route("pbx", called)
    except (NoRouteError, CalledNumberTooLongError, CalledNumberMissingError):
        return
    assert sorted(destination.called) == sorted(called)
