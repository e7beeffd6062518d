"""Where a call goes: the first route whose source and called number match.

A pattern must match the whole called number, so that ``0[1-9]\\d+`` cannot let through what merely begins like a
national number. Patterns that could take a hostile number exponential time are refused when the router is built
(see `route_pattern`), and numbers are bounded in length, so that a lookup is bounded in time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from b2bua.config import PHONES, B2buaConfig, Route
from b2bua.route_pattern import MAX_NUMBER_LENGTH, Rewrite, check_pattern
from b2bua.sip.errors import SipError


class RoutingError(SipError):
    """The call goes nowhere."""


class NoRouteError(RoutingError):
    """No route matches: 404 (RFC 3261 21.4.5)."""

    status = 404
    reason = "Not Found"


class CalledNumberTooLongError(RoutingError):
    """The called number exceeds `MAX_NUMBER_LENGTH`: 414 (RFC 3261 21.4.12)."""

    status = 414
    reason = "Request-URI Too Long"


class CalledNumberMissingError(RoutingError):
    """The Request-URI names nobody: 484 (RFC 3261 21.4.22)."""

    status = 484
    reason = "Address Incomplete"


class Destination(NamedTuple):
    """Whom to call, and the trunks (or ``phones``) to try, in order."""

    called: str
    trunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """One route with its rewriting compiled."""

    route: Route
    rewrite: Rewrite | None


class Router:
    """The configured routes, in order.

    Raises ValueError, naming the route by its place in the file, when a route names a trunk that is not there, its
    pattern could run away, or its rewriting asks for a group that its pattern does not have.
    """

    def __init__(self, config: B2buaConfig) -> None:
        known = {*config.trunks, PHONES}
        rules = [_compile(place, route, known) for place, route in enumerate(config.routes)]
        self._for_source = {source: _rules_for(source, rules) for source in known}

    def route(self, source: str, called: str) -> Destination:
        """Where the call from trunk ``source`` (or ``phones``) to ``called`` goes; raises a `RoutingError`."""
        if not called:
            raise CalledNumberMissingError("the Request-URI has no user part")
        if len(called) > MAX_NUMBER_LENGTH:
            raise CalledNumberTooLongError(f"the called number has {len(called)} characters")
        for rule in self._for_source.get(source, ()):
            route = rule.route
            match = route.called.fullmatch(called)
            if match is not None:
                number = called if rule.rewrite is None else rule.rewrite.apply(match)
                return Destination(number, route.trunks)
        raise NoRouteError(f"no route from {source} to {called}")


def _compile(place: int, route: Route, known: set[str]) -> _Rule:
    unknown = sorted({*route.trunks, route.source or PHONES} - known)
    if unknown:
        raise ValueError(f"routes[{place}] names a trunk that is not configured: {', '.join(unknown)}")
    try:
        check_pattern(route.called)
        rewrite = None if route.rewrite is None else Rewrite(route.rewrite, route.called)
    except ValueError as error:
        raise ValueError(f"routes[{place}]: {error}") from error
    return _Rule(route, rewrite)


def _rules_for(source: str, rules: Iterable[_Rule]) -> tuple[_Rule, ...]:
    return tuple(rule for rule in rules if rule.route.source in (None, source))
