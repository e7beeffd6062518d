"""The relay process: one event loop with the ng socket, the media sockets, Redis and the timers. Shell."""

import asyncio
import gc
import random
import resource
import secrets
import signal
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from time import monotonic, time
from typing import Final

import structlog
import uvloop

from media_relay.bindings import MEDIA_TIMEOUT
from media_relay.call_store import PURPOSE, CallStore
from media_relay.config import RelayConfig
from media_relay.forwarding import Forwarder
from media_relay.forwarding.choice import start_forwarder
from media_relay.interfaces import LocalInterfaces
from media_relay.metrics import RelayMetrics
from media_relay.monitoring.endpoint import MonitoringEndpoint
from media_relay.monitoring.process import ProcessMetrics
from media_relay.ng.server import NgServer
from media_relay.ng.service import NgService
from media_relay.publisher import Publisher
from media_relay.redis_link import LINK_ERRORS, connect
from media_relay.resumption import ResumptionError
from media_relay.secure.sealing import Seal
from media_relay.session import Relay

SWEEPS_PER_TIMEOUT: Final = 20
MAX_SWEEP_INTERVAL_S: Final = 2.0
RESTART_DELAY_S: Final = 1.0
RESUME_S: Final = 10.0
"""How long the calls of the process before may take; those that are restored have their media meanwhile."""
GC_THRESHOLD: Final = 50_000
"""Net allocations of container objects between collections."""

log = structlog.get_logger("media_relay")


def main(config: RelayConfig) -> None:
    """Run a relay until SIGTERM or SIGINT. Raises OSError when the ng address or an interface cannot be used."""
    uvloop.run(run(config))


async def run(config: RelayConfig) -> None:
    """``main`` inside a running event loop."""
    _raise_file_limit()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    forwarder = start_forwarder(config, loop)
    relay = _new_relay(config, forwarder)
    redis = connect(config.redis_url) if config.redis_url else None
    store = CallStore(redis, config, _seal(config)) if redis else None
    publisher = Publisher(relay, redis, config, store) if redis and store else None
    if publisher and store:
        await _resume(relay, store, publisher)
    service = NgService(relay, publisher.wake if publisher else relay.changes.clear)
    server = NgServer(loop, config.ng_host, config.ng_port, service)
    host, port = server.address
    log.info("relay-started", node=config.node, ng=f"{host}:{port}", port_pairs=relay.interfaces.ports_total)

    tasks = [asyncio.create_task(_forever("sweep", lambda: _sweep(config, relay, publisher)))]
    if publisher:
        publisher.facts = {"role": "relay", "ng": f"{host}:{port}", "version": version("pinhole")}
        tasks.append(asyncio.create_task(_forever("publisher", publisher.run)))
    process = ProcessMetrics("relay", config.node)
    tasks.append(asyncio.create_task(_forever("loop-watch", process.watch_loop)))
    metrics = RelayMetrics(process, relay, service, publisher)
    endpoint = MonitoringEndpoint(config.monitoring, metrics.collect, lambda: "") if config.monitoring else None
    if endpoint:
        await endpoint.start()
    _tune_collector()
    await stopped.wait()

    if endpoint:
        endpoint.close()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    log.info("relay-leaves", node=config.node, calls=len(relay.calls))
    relay.end_deleted(monotonic())
    if publisher and redis:
        await publisher.leave()
        await redis.aclose()
    forwarder.shut_down()


def _new_relay(config: RelayConfig, forwarder: Forwarder) -> Relay:
    interfaces = LocalInterfaces(
        config.interfaces,
        range(config.port_min, config.port_max + 1),
        config.quarantine_s,
        forwarder,
        random.SystemRandom().shuffle,
    )
    return Relay(
        interfaces,
        learn_window_s=config.learn_window_s,
        media_timeout_s=config.media_timeout_s,
        new_session_id=lambda: str(secrets.randbits(62)),
        random_bytes=secrets.token_bytes,
        epoch=time() - monotonic(),
        started=monotonic(),
    )


def _seal(config: RelayConfig) -> Seal | None:
    return Seal(config.cluster_key.encode(), PURPOSE, secrets.token_bytes) if config.cluster_key else None


async def _resume(relay: Relay, store: CallStore, publisher: Publisher) -> None:
    """Go on with the calls of the process before us. Redis is not waited for: new calls must not either."""
    resumed = 0
    try:
        async with asyncio.timeout(RESUME_S):
            async for stored in store.load():
                try:
                    relay.resume(*stored, monotonic())
                    publisher.adopt(stored.id)
                    resumed += 1
                except ResumptionError as error:
                    log.warning("call-not-resumed", call=stored.id, reason=str(error))
    except LINK_ERRORS as error:
        log.warning("redis-away", error=str(error))
    if resumed:
        log.info("calls-resumed", calls=resumed)


async def _sweep(config: RelayConfig, relay: Relay, publisher: Publisher | None) -> None:
    """Look for calls whose media has ended, and tell."""
    interval_s = min(config.media_timeout_s / SWEEPS_PER_TIMEOUT, MAX_SWEEP_INTERVAL_S)
    while True:
        await asyncio.sleep(interval_s)
        relay.end_due(monotonic())
        if relay.changes and publisher:
            publisher.wake()
        for call_id in relay.silent_calls(monotonic()):
            log.warning("media-timeout", call=call_id)
            if publisher:
                publisher.tell(MEDIA_TIMEOUT, call_id)


async def _forever(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Begin again after a failure: whatever happens beside the media must not end it."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("task-failed", task=name)
        await asyncio.sleep(RESTART_DELAY_S)


def _raise_file_limit() -> None:
    """A call takes four sockets; the usual limit would end at 250 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _tune_collector() -> None:
    """The relay makes hardly any cycles, and a collection holds up all media: let it be rare and small."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
