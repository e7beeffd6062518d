"""Fixtures for the tests that run through real processes. What is not installed or not allowed skips the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.baresip import Account, Baresip, StartBaresip
from tests.support.kamailio import Kamailio, StartKamailio
from tests.support.namespaces import Namespaces
from tests.support.pinhole import Pinhole, StartPinhole
from tests.support.processes import Process
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp


def _requires(*programs: str) -> None:
    """Skip the test unless every program is installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture
def until_test_ends() -> Iterator[Callable[[Process], None]]:
    """Takes processes to end with the test. Their logs are printed: pytest shows them when the test failed."""
    with ExitStack() as stack:

        def keep(process: Process) -> None:
            stack.callback(lambda: print(f"--- {process.name}\n{process.log_tail()}"))
            stack.callback(process.stop)

        yield keep


@pytest.fixture
def redis_server(tmp_path: Path, until_test_ends: Callable[[Process], None]) -> Iterator[RedisServer]:
    """A Redis server of the test's own."""
    _requires("redis-server")
    server = RedisServer(tmp_path / "redis")
    until_test_ends(server.process)
    server.start()
    yield server
    server.client.close()


@pytest.fixture
def start_pinhole(tmp_path: Path, until_test_ends: Callable[[Process], None]) -> StartPinhole:
    """Starts the real system."""

    def start(**arguments: Any) -> Pinhole:
        pinhole = Pinhole(tmp_path / "pinhole", **arguments)
        until_test_ends(pinhole.process)
        return pinhole.start()

    return start


@pytest.fixture
def start_baresip(tmp_path: Path, until_test_ends: Callable[[Process], None]) -> StartBaresip:
    """Starts a registered softphone."""
    _requires("baresip")

    def start(account: Account, **arguments: Any) -> Baresip:
        phone = Baresip(tmp_path / "baresip", account, **arguments)
        until_test_ends(phone.process)
        return phone.start()

    return start


@pytest.fixture
def start_kamailio(tmp_path: Path, until_test_ends: Callable[[Process], None]) -> StartKamailio:
    """Starts a proxy of other people's making."""
    _requires("kamailio")

    def start(next_hop: str, **arguments: Any) -> Kamailio:
        proxy = Kamailio(tmp_path / "kamailio", next_hop, **arguments)
        until_test_ends(proxy.process)
        return proxy.start()

    return start


@pytest.fixture
def sipp(tmp_path: Path) -> Iterator[Sipp]:
    """Starts sipp."""
    _requires("sipp")
    runner = Sipp(tmp_path)
    yield runner
    runner.close()


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    """Network namespaces of the test's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    _requires("ip", "nft")
    with Namespaces() as made:
        yield made
