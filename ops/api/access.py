"""Who is asking, and what they may do: bearer tokens with the roles ``read`` and ``act`` (RFC 6750)."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ops.api.problems import Problem, Refusal
from ops.settings.build import Bearer
from ops.settings.model import Role

_bearer = HTTPBearer(auto_error=False, description="A token of `ops.tokens` in the configuration.")


class User(NamedTuple):
    """Who is asking: the name of their token."""

    name: str
    role: Role


class Doorkeeper:
    """Knows tokens by their digests only, and compares with every one of them: time tells nothing about any."""

    def __init__(self, bearers: Iterable[Bearer]) -> None:
        self._users = [(_digest(bearer.token), User(bearer.name, bearer.role)) for bearer in bearers]

    @property
    def knows_anybody(self) -> bool:
        """Whether there is any token at all."""
        return bool(self._users)

    def user(self, token: str) -> User | None:
        """Whose token this is."""
        shown = _digest(token)
        found: User | None = None
        for digest, user in self._users:
            if hmac.compare_digest(digest, shown):
                found = user
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _user(request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> User:
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    if not doorkeeper.knows_anybody:
        raise Refusal(503, "no tokens are configured: see ops.tokens")
    user = doorkeeper.user(shown.credentials) if shown is not None else None
    if user is None:
        reason = "this token is not known" if shown is not None else "a bearer token is needed"
        raise Refusal(401, reason, headers={"WWW-Authenticate": 'Bearer realm="pinhole"'})
    return user


Reader = Annotated[User, Depends(_user)]
"""A parameter of this type lets in everybody with a token."""


def _actor(user: Reader) -> User:
    if user.role is not Role.ACT:
        raise Refusal(403, f"the token {user.name} may only read")
    return user


Actor = Annotated[User, Depends(_actor)]
"""A parameter of this type lets in those who may act."""

Responses = dict[int | str, dict[str, Any]]

READING: Responses = {
    401: {"model": Problem, "description": "No token, or one that is not known."},
    503: {"model": Problem, "description": "Redis is away."},
}
ACTING: Responses = {**READING, 403: {"model": Problem, "description": "The token may only read."}}
