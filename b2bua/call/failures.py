"""What A is told when B's side fails: which of several failures, and as what."""

from typing import NamedTuple

from b2bua.call import crossing
from b2bua.sip.errors import SipError
from b2bua.sip.message import Response


class Failure(NamedTuple):
    """A final response that is no success, or what stands for one."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


NOBODY_THERE = Failure(480, "Temporarily Unavailable")
NO_ANSWER = Failure(480, "Temporarily Unavailable")
NOT_REACHED = Failure(408, "Request Timeout")
CANCELLED = Failure(487, "Request Terminated")
TRUNK_FAILED = Failure(500, "Server Internal Error")
BAD_ANSWER = Failure(502, "Bad Gateway")


def for_caller(response: Response) -> Failure:
    """B's final response as A sees it.

    A redirection would show A what is behind us, and a challenge is between us and the trunk. A 503 tells whoever
    gets it to leave its sender alone for a while, which is right for B but not for us (RFC 3261 16.7, step 6).
    """
    status = response.status
    if status < 400:
        return NOBODY_THERE
    if status in (401, 407, 503):
        return TRUNK_FAILED
    return Failure(status, response.reason, tuple(crossing.response_headers(response)))


def of(error: SipError) -> Failure:
    """An error as the response that it maps to."""
    return Failure(error.status, error.reason, tuple(error.headers))


def of_answer(error: SipError) -> Failure:
    """The same for what is wrong with B's answer: a Bad Request is then not A's."""
    return BAD_ANSWER if error.status == 400 else of(error)


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
