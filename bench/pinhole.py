"""Pinhole as a system under test: as it is deployed, journal and all, with Redis outside its process tree."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.accounting import cores, pinned
from bench.peers import Running, started
from tests.support.pinhole import Pinhole, trunks_settings
from tests.support.redis_server import RedisServer


def start_pinhole(directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """``pinhole b2bua`` with media passed by; it logs no more than its peers, which log nothing a call.

    Its Redis is on the load's core: the peers have no such work.
    """
    with ExitStack() as stack:
        redis = RedisServer(directory, prefix=pinned(cores()[0]))
        stack.callback(redis.stop)
        started(redis.process, redis.start)
        callee_port = int(next_hop.rpartition(":")[2])
        settings = {**trunks_settings(callee_port, media="bypass"), "logs": {"level": "warning"}}
        pinhole = Pinhole(directory, command="b2bua", redis_url=redis.url, settings=settings, prefix=prefix)
        stack.callback(pinhole.stop)
        started(pinhole.process, pinhole.start)
        return Running(pinhole.process.pid, pinhole.target, stack.pop_all().close)
