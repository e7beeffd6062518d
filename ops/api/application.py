"""The application: routes, answers to errors, headers, start and end."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ops.api import page, problems
from ops.api.backend import Backend
from ops.api.calls import router as calls
from ops.api.events import router as events
from ops.api.health import router as health
from ops.api.system import router as system
from ops.settings import Configuration

_DESCRIPTION = """
Looks at a running Pinhole and acts on it. Everything but `/health` needs a bearer token of the configuration's
`ops.tokens`; the role `read` may look, the role `act` may also hang up. Errors are `application/problem+json`.
"""


def create(configure: Callable[[], Configuration]) -> FastAPI:
    """The application. The configuration is read when a process starts to serve, not when it is imported."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        backend = Backend(configure())
        app.state.backend = backend
        app.state.doorkeeper = backend.doorkeeper
        try:
            yield
        finally:
            await backend.close()

    app = FastAPI(
        title="Pinhole ops API",
        version=version("pinhole"),
        description=_DESCRIPTION,
        lifespan=life,
        # Their pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
    )
    for router in (calls, events, system, health, page.router):
        app.include_router(router)
    problems.install(app)
    app.add_middleware(_SafeHeaders)
    return app


class _SafeHeaders:
    """Puts the page's headers on every answer, and keeps data out of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in page.HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)
