"""How much may be on: calls at once and new calls in a second, for the node and for every trunk.

A trunk's calls at once are its channels as a carrier sells them: calls in and calls out together. Its calls a
second are counted each way by itself, so that a flood from a trunk does not keep calls to it from being placed.

What is refused takes nothing: a caller that retries too early does not push its own next chance away.
"""

from math import ceil
from typing import NamedTuple

from b2bua.config import B2buaConfig, CallLimit
from b2bua.sip.errors import SipError

RETRY_WHEN_FULL_S = 5
"""Retry-After (seconds) when all channels are taken: nobody knows when a call will end."""

_ROUNDING = 1e-9
"""A token that lacks no more than this is whole: a hundred waits of 0.01 s do not add up to 1 s in floats."""


class OverloadedError(SipError):
    """A limit is reached: 503 with Retry-After (RFC 3261 21.5.4, 20.33)."""

    status = 503
    reason = "Service Unavailable"

    def __init__(self, what: str, retry_after_s: int) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What the 503 carries."""
        return [("Retry-After", str(self.retry_after_s))]


class TrunkLoad(NamedTuple):
    """The calls that are on, by who sent them."""

    calls_in: int
    calls_out: int


class Admission:
    """Counts the calls that are on and refuses those above the configured limits.

    Every ``admit`` that returns is paired with one ``release`` of the same name, every ``admit_out`` with one
    ``release_out``. Names are trunks or ``phones``; a name without a limit is only counted.
    """

    def __init__(self, config: B2buaConfig) -> None:
        self._node = _Account("this node", config.limit)
        self._accounts = {name: _Account(f"trunk {name}", trunk.limit) for name, trunk in config.trunks.items()}

    @property
    def active_calls(self) -> int:
        """The calls on this node that were admitted and not yet released."""
        return self._node.calls_in

    @property
    def refused(self) -> dict[str, int]:
        """How often each limit has refused a call: by the trunk's name, empty for the whole node."""
        return {"": self._node.refused} | {name: account.refused for name, account in self._accounts.items()}

    def load(self, name: str) -> TrunkLoad:
        """The calls that are on from and to ``name``."""
        account = self._accounts.get(name)
        return TrunkLoad(account.calls_in, account.calls_out) if account else TrunkLoad(0, 0)

    def admit(self, source: str, now: float) -> None:
        """Take one call in from ``source``; raises `OverloadedError` when the node or the trunk is at a limit."""
        account = self._account(source)
        node = self._node
        node.check(node.rate_in, now)
        account.check(account.rate_in, now)
        node.rate_in.take()
        node.calls_in += 1
        account.rate_in.take()
        account.calls_in += 1

    def release(self, source: str) -> None:
        """A call that `admit` took in is over."""
        account = self._account(source)
        if not account.calls_in:
            raise ValueError(f"no call from {source} is on: released twice?")
        account.calls_in -= 1
        self._node.calls_in -= 1

    def admit_out(self, trunk: str, now: float) -> None:
        """Place one call on ``trunk``; raises `OverloadedError` when it is full, so that another may be tried."""
        account = self._account(trunk)
        account.check(account.rate_out, now)
        account.rate_out.take()
        account.calls_out += 1

    def release_out(self, trunk: str) -> None:
        """A call that `admit_out` placed is over, or was never answered."""
        account = self._account(trunk)
        if not account.calls_out:
            raise ValueError(f"no call to {trunk} is on: released twice?")
        account.calls_out -= 1

    def _account(self, name: str) -> "_Account":
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = _Account(name, CallLimit())
        return account


class _Account:
    """What one limit has let through."""

    __slots__ = ("calls_in", "calls_out", "max_calls", "owner", "rate_in", "rate_out", "refused")

    def __init__(self, owner: str, limit: CallLimit) -> None:
        self.owner = owner
        self.max_calls = limit.calls
        self.rate_in = _TokenBucket(limit.calls_per_second)
        self.rate_out = _TokenBucket(limit.calls_per_second)
        self.calls_in = 0
        self.calls_out = 0
        self.refused = 0

    def check(self, rate: "_TokenBucket", now: float) -> None:
        """Raise `OverloadedError` unless one more call fits."""
        if self.max_calls and self.calls_in + self.calls_out >= self.max_calls:
            self.refused += 1
            raise OverloadedError(f"{self.owner} has its {self.max_calls} calls on", RETRY_WHEN_FULL_S)
        if rate.per_second:
            wait_s = rate.wait(now)
            if wait_s > 0:
                self.refused += 1
                raise OverloadedError(f"{self.owner} has had its {rate.per_second:g} calls a second", ceil(wait_s))


class _TokenBucket:
    """``per_second`` tokens flow in, a second's worth (at least one) fits; 0 is without limit."""

    __slots__ = ("_burst", "_filled_at", "_tokens", "per_second")

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._burst = self._tokens = max(1.0, per_second)
        self._filled_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a token is there; 0 when one is."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        missing = 1.0 - self._tokens
        return missing / self.per_second if missing > _ROUNDING else 0.0

    def take(self) -> None:
        """Take the token that `wait` promised."""
        if self.per_second:
            self._tokens -= 1.0
