"""What A is told when B's side fails: which of several failures, and as what."""

from typing import NamedTuple


class Failure(NamedTuple):
    """A final response that is no success, or what stands for one."""

    status: int
    reason: str


NOBODY_THERE = Failure(480, "Temporarily Unavailable")
NO_ANSWER = Failure(480, "Temporarily Unavailable")
NOT_REACHED = Failure(408, "Request Timeout")
CANCELLED = Failure(487, "Request Terminated")


def for_caller(status: int, reason: str) -> Failure:
    """B's final response as A sees it.

    A redirection would show A what is behind us, and a challenge is between us and the trunk: to A both mean that
    the trunk cannot take the call (RFC 3261 21.5.4).
    """
    if status < 400:
        return NOBODY_THERE
    if status in (401, 407):
        return Failure(503, "Service Unavailable")
    return Failure(status, reason)


def better(first: Failure | None, second: Failure) -> Failure:
    """The one of two failures that tells the caller more (RFC 3261 16.7, step 6)."""
    return second if first is None or _rank(second) < _rank(first) else first


def is_final_word(status: int) -> bool:
    """Whether nobody else needs to be asked: the user has decided, wherever he is (RFC 3261 21.6)."""
    return status >= 600


def is_worth_another_trunk(status: int) -> bool:
    """Whether the trunk failed rather than the user refused, so that the next one may do better."""
    return status in (401, 403, 407, 408, 480) or 300 <= status < 400 or 500 <= status < 600


def blames_host(status: int) -> bool:
    """Whether the host is to be tried last for a while."""
    return status in (408, 503)


def _rank(failure: Failure) -> int:
    status = failure.status
    if status >= 600:
        return 0
    if status in (486, 487, 488, 484, 415, 420):
        return 1
    if 400 <= status < 500 and status != 408:
        return 2
    return 3 if status == 408 else 4
