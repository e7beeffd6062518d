"""``pinhole run``, and by themselves ``b2bua``, ``relay``, ``ops`` and ``cdr``: the processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog
import typer

from ops import logs
from ops.commands.common import (
    ConfigOption,
    Exit,
    RunningRedis,
    SecretsOption,
    child_environment,
    configuration,
    fail,
    running_redis,
)
from ops.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from ops.settings import Configuration
from ops.settings.build import b2bua_config, redis_url, relay_config
from ops.supervisor import Child, Supervisor

_REDIS_CHECK_S = 1.0
_GUNICORN = ("-m", "gunicorn", "-c", "python:ops.gunicorn_conf", "ops.api:app")


def run(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Run all of Pinhole on this machine: Redis, relay, B2BUA, and the ops API and CDR writer where configured."""
    chosen = configuration(config, secrets)
    _require_callers(chosen)
    logs.configure(chosen.settings.logs)
    with running_redis(chosen) as redis:
        status = asyncio.run(_supervise(chosen, redis))
    raise typer.Exit(status)


def b2bua(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Run the SIP back-to-back user agent alone."""
    from b2bua import daemon

    chosen = configuration(config, secrets)
    _require_callers(chosen)
    _serve(chosen, lambda redis_url: daemon.main(b2bua_config(chosen, redis_url)))


def relay(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Run the media relay alone."""
    from media_relay import daemon

    chosen = configuration(config, secrets)
    _serve(chosen, lambda redis_url: daemon.main(relay_config(chosen, redis_url)))


def ops(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Run the ops API with its live page alone. It is gunicorn, and this process becomes it."""
    chosen = configuration(config, secrets)
    environment = child_environment(chosen, redis_url(chosen))
    os.execve(sys.executable, [sys.executable, *_GUNICORN], {**os.environ, **environment})


def cdr(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Write records of finished calls to the configured file and webhook."""
    from ops.cdr import daemon

    chosen = configuration(config, secrets)
    if not daemon.is_wanted(chosen):
        fail("neither cdr.file nor cdr.webhook is configured", Exit.CONFIGURATION)
    _serve(chosen, lambda redis_url: daemon.main(chosen, redis_url))


def _serve(chosen: Configuration, main: Callable[[str], Any]) -> None:
    logs.configure(chosen.settings.logs)
    with running_redis(chosen) as redis:
        try:
            main(redis.url)
        except OSError as error:
            fail(f"cannot start: {error}")


def _require_callers(chosen: Configuration) -> None:
    if not chosen.settings.trunks and not chosen.settings.users:
        where = chosen.file or "no configuration file was found"
        fail(
            f"{where}: neither trunks nor users are configured, so nobody could call; "
            "copy pinhole.example.yaml to pinhole.yaml and edit it",
            Exit.CONFIGURATION,
        )


async def _supervise(chosen: Configuration, redis: RunningRedis) -> int:
    environment = child_environment(chosen, redis.url)
    program = (sys.executable, "-m", "ops.cli")
    names = ["relay", "b2bua"]  # The B2BUA is stopped before the relay, while it can still release its ports.
    if chosen.settings.ops.tokens:
        names.append("ops")
    if chosen.settings.cdr.file is not None or chosen.settings.cdr.webhook is not None:
        names.insert(0, "cdr")  # Stopped last: the other two end calls before they go.
    supervisor = Supervisor(
        [Child(name, (*program, name), environment, final_status=Exit.CONFIGURATION) for name in names]
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    watch = asyncio.create_task(_keep_redis(redis.embedded)) if redis.embedded else None
    try:
        return await supervisor.run()
    finally:
        if watch is not None:
            watch.cancel()


async def _keep_redis(embedded: EmbeddedRedis) -> None:
    """Start the embedded server again if it died. Blocks the loop meanwhile, which has nothing better to do."""
    log = structlog.get_logger()
    while True:
        await asyncio.sleep(_REDIS_CHECK_S)
        if embedded.is_answering():
            continue
        log.error("the embedded Redis does not answer, starting it again")
        try:
            embedded.start()
        except (EmbeddedRedisError, OSError) as error:
            log.error("the embedded Redis does not start", error=str(error))
