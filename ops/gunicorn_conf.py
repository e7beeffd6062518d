"""gunicorn for the ops API: ``gunicorn -c python:ops.gunicorn_conf ops.api:app``.

The configuration is Pinhole's own (``PINHOLE_CONFIG``, ``PINHOLE_SECRETS_DIR``, ``PINHOLE_...``): ``ops.listen`` is
the address, and gunicorn's ``--bind`` wins over it. One worker is enough for thousands of event streams, because it
reads Redis once for all of them; WEB_CONCURRENCY asks for more.
"""

import asyncio
import gc
import sys
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # gunicorn is not annotated
from gunicorn.workers.gasgi import ASGIWorker  # type: ignore[import-untyped]  # as above

from ops import logs
from ops.api.events import streams_end
from ops.settings import SettingsError
from ops.settings.environment import configuration_from_environment


class OpsWorker(ASGIWorker):  # type: ignore[misc]  # gunicorn is not annotated
    """Ends at once on SIGTERM: an open event stream would hold it for the whole graceful timeout."""

    _serving: "asyncio.Task[None] | None" = None

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        await super()._serve()

    def handle_exit_signal(self) -> None:
        """Have all event streams end, and look at ``alive`` now instead of at the next turn of a second."""
        was_alive = self.alive
        super().handle_exit_signal()
        streams_end.set()
        if was_alive and self.servers and self._serving is not None:
            self._serving.cancel()  # gunicorn catches this in its waiting loop, and goes on to shut down


class OpsLogger(Logger):  # type: ignore[misc]  # as above
    """Logs as all of Pinhole does: without handlers of its own."""

    def setup(self, cfg: Any) -> None:
        """Called at the start, and when gunicorn reads this file again."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _read_settings() -> tuple[str, str]:
    """The address to listen at, and the level of logs."""
    try:
        configuration = configuration_from_environment()
    except SettingsError as error:
        sys.stderr.write(f"pinhole: the configuration cannot be used\n{error}\n")
        sys.exit(3)
    logs.configure(configuration.settings.logs)
    return str(configuration.settings.ops.listen), configuration.settings.logs.level.value


bind, loglevel = _read_settings()
proc_name = "pinhole-ops"
worker_class = OpsWorker
logger_class = OpsLogger
asgi_loop = "uvloop"
asgi_lifespan = "on"
graceful_timeout = 1  # no request takes longer, and idle connections are not worth waiting for
keepalive = 30
timeout = 30
worker_connections = 4096
limit_request_line = 4094
limit_request_fields = 50
limit_request_field_size = 8190
control_socket_disable = True  # it would want a writable home, and holds the end of the process for two seconds


def worker_exit(server: object, worker: object) -> None:
    """Leave out the collector's last rounds over all that was imported: half a second in which nothing happens."""
    gc.freeze()


def on_exit(server: object) -> None:
    """The same for the master process."""
    gc.freeze()
