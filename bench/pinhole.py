"""Pinhole as a system under test: as it is deployed, journal and all, with Redis outside its process tree."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.accounting import cores, pinned
from bench.peers import ROOT, Running, started
from bench.report import UnavailableError
from tests.support.pinhole import PROGRAM, Pinhole, trunks_settings
from tests.support.redis_server import RedisServer

_NATIVE = ROOT / "build" / "native-venv"
_SOURCES = ("b2bua", "media_relay", "ops", "sdp")


def start_native(directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """The deployed form: its core compiled by ``./run native``. ``UnavailableError`` if that has not been done."""
    built = _NATIVE / "built"
    if not built.exists():
        raise UnavailableError("not compiled: ./run native")
    compiled_at = built.stat().st_mtime
    if any(path.stat().st_mtime > compiled_at for name in _SOURCES for path in (ROOT / name).rglob("*.py")):
        raise UnavailableError("the sources have changed since ./run native")
    return _start(_NATIVE / "bin" / "pinhole", directory, next_hop, prefix)


def start_pure(directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """The sources as they are."""
    return _start(PROGRAM, directory, next_hop, prefix)


def _start(program: Path, directory: Path, next_hop: str, prefix: Sequence[str]) -> Running:
    """``pinhole b2bua`` with media passed by; it logs no more than its peers, which log nothing a call.

    Its Redis is on the load's core: the peers have no such work.
    """
    with ExitStack() as stack:
        redis = RedisServer(directory, prefix=pinned(cores()[0]))
        stack.callback(redis.stop)
        started(redis.process, redis.start)
        callee_port = int(next_hop.rpartition(":")[2])
        settings = {**trunks_settings(callee_port, media="bypass"), "logs": {"level": "warning"}}
        pinhole = Pinhole(
            directory, command="b2bua", redis_url=redis.url, settings=settings, prefix=prefix, program=program
        )
        stack.callback(pinhole.stop)
        started(pinhole.process, pinhole.start)
        return Running(pinhole.process.pid, pinhole.target, stack.pop_all().close)
