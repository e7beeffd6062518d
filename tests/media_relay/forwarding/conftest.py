"""Fixtures for what runs in the kernel."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media_relay.forwarding.build_bpf import build
from tests.media_relay.forwarding.kernel_stage import Net, require_kernel


@pytest.fixture(scope="session")
def object_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled from the source of today."""
    require_kernel()
    return build(tmp_path_factory.mktemp("bpf"))


@pytest.fixture
def net() -> Iterator[Net]:
    """A network of the test's own."""
    require_kernel()
    made = Net()
    yield made
    made.close()
