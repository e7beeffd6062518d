"""What requests work with: Redis and the configuration. One a process, on ``app.state``."""

from typing import Annotated, Any

from fastapi import Depends, Request

from b2bua.reader import Reader
from media_relay import redis_link
from ops.api.access import Doorkeeper
from ops.api.audit import AuditLog
from ops.api.live import LiveBoard
from ops.settings import Configuration
from ops.settings.build import bearers, redis_url

_REDIS_S = 2.0
"""How long a request waits for Redis."""


class Backend:
    """Opened when the process starts to serve, closed when it ends. Nothing in it outlives a request but caches."""

    def __init__(self, configuration: Configuration) -> None:
        settings = configuration.settings
        self.configuration = configuration
        self.doorkeeper = Doorkeeper(bearers(configuration))
        self._client: Any = redis_link.connect(redis_url(configuration), timeout_s=_REDIS_S)
        self.redis = Reader(self._client, settings.redis.prefix)
        self.audit = AuditLog(self._client, settings.redis.prefix)
        self.live = LiveBoard(self.redis, tuple(settings.trunks), settings.node)

    async def ping(self) -> None:
        """Ask Redis for an answer. Raises one of ``redis_link.LINK_ERRORS``."""
        await self._client.ping()

    async def close(self) -> None:
        """End all event streams and disconnect."""
        await self.live.close()
        await self._client.aclose()


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


Uses = Annotated[Backend, Depends(_backend)]
"""A parameter of this type gets the backend."""
