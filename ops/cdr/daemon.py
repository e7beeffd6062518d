"""The process that writes records of finished calls: ``pinhole cdr``, supervised by ``pinhole run``."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import structlog

from b2bua.tasks import end_task
from ops.cdr.follower import Follower
from ops.cdr.sinks import FileSink, SpoolSink
from ops.cdr.webhook import Webhook
from ops.settings import Configuration
from ops.settings.model import CdrFileSettings, CdrWebhookSettings
from ops.settings.references import token_text

_MEGABYTE = 1_000_000

log = structlog.get_logger("cdr")


def is_wanted(configuration: Configuration) -> bool:
    """Whether records go anywhere besides Redis."""
    return configuration.settings.cdr.file is not None or configuration.settings.cdr.webhook is not None


def main(configuration: Configuration, redis_url: str) -> None:
    """Write records until SIGTERM. Raises OSError when a file cannot be written."""
    asyncio.run(_main(configuration, redis_url))


async def _main(configuration: Configuration, redis_url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(work) for work in _work(configuration, redis_url)]
    log.info("cdr-ready")
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((*tasks, stopped), return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in tasks if task.done()]
    for task in (*tasks, stopped):
        await end_task(task)
    for task in failed:
        task.result()


def _work(configuration: Configuration, redis_url: str) -> Iterator[Coroutine[Any, Any, None]]:
    settings = configuration.settings
    if settings.cdr.file is not None:
        yield Follower(redis_url, settings.redis.prefix, _file_sink(configuration, settings.cdr.file)).run()
    if settings.cdr.webhook is not None:
        spool, webhook = _webhook(configuration, settings.cdr.webhook)
        yield Follower(redis_url, settings.redis.prefix, spool).run()
        yield webhook.run()


def _file_sink(configuration: Configuration, settings: CdrFileSettings) -> FileSink:
    base = configuration.file.parent if configuration.file is not None else Path()
    path = (base / settings.path).absolute()
    return FileSink(path, settings.format, full=int(settings.rotate_megabytes * _MEGABYTE), keep=settings.keep)


def _webhook(configuration: Configuration, settings: CdrWebhookSettings) -> tuple[SpoolSink, Webhook]:
    folder = configuration.data_dir / "cdr"
    spool = SpoolSink(folder, limit=int(settings.spool_megabytes * _MEGABYTE))
    token = token_text(settings, configuration.secrets_dir)
    webhook = Webhook(spool, folder, settings.url.get_secret_value(), token, timeout_s=settings.timeout)
    return spool, webhook
