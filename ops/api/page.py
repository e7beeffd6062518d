"""The live page: plain files, served as they are with headers that let nothing else run."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, RedirectResponse

from ops.api.problems import Refusal

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {path.name: path for path in _FOLDER.iterdir() if path.suffix in _TYPES}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every answer of the application."""


@router.get("/")
async def index() -> FileResponse:
    """The page."""
    return _answer("index.html")


@router.get("/favicon.ico")
async def favicon() -> RedirectResponse:
    """Browsers ask for it unasked."""
    return RedirectResponse("/page/icon.svg")


@router.get("/page/{name}")
async def file(name: str) -> FileResponse:
    """One of the page's files."""
    return _answer(name)


def _answer(name: str) -> FileResponse:
    path = _FILES.get(name)
    if path is None:
        raise Refusal(404, "there is no such file")
    # Asked again each time (and answered 304): an upgrade must not leave old modules beside new ones.
    return FileResponse(path, media_type=f"{_TYPES[path.suffix]}; charset=utf-8", headers={"Cache-Control": "no-cache"})
