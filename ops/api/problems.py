"""What goes wrong, said in one shape (RFC 9457, ``application/problem+json``) and never as a bare 500."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from redis.exceptions import ResponseError
from starlette.exceptions import HTTPException

from media_relay.redis_link import LINK_ERRORS
from ops.text import harmless

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """Why a request was not served."""

    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="The reason, for people.")


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def install(app: FastAPI) -> None:
    """Have every error of the application answered as a problem."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http_error)
    for kind in LINK_ERRORS:
        app.add_exception_handler(kind, _redis_away)


def redis_trouble(error: Exception) -> str:
    """A failure of Redis in words; redis-py's messages name the server, never a password."""
    return f"Redis {'refuses' if isinstance(error, ResponseError) else 'is away'}: {harmless(str(error))}"


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that tells a problem."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    if error.status in (401, 403):
        peer = request.client.host if request.client else ""
        log.warning("ops-refused", peer=peer, path=harmless(request.url.path), status=error.status, reason=error.detail)
    return problem_response(error.status, error.detail, error.headers)


async def _not_understood(request: Request, error: Exception) -> JSONResponse:
    """Names the places, never what stood there."""
    assert isinstance(error, RequestValidationError)
    places = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return problem_response(422, harmless("; ".join(places)))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem_response(error.status_code, str(error.detail), error.headers)


async def _redis_away(request: Request, error: Exception) -> JSONResponse:
    detail = redis_trouble(error)
    log.warning("redis-away", path=harmless(request.url.path), error=detail)
    return problem_response(503, detail, {"Retry-After": str(RETRY_AFTER_S)})
