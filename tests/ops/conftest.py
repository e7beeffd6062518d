"""Fixtures for the ops API and its page."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.ops import Ops, StartOps
from tests.support.processes import Process

_CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
def start_ops(tmp_path: Path, until_test_ends: Callable[[Process], None]) -> StartOps:
    """Starts the real ops API."""

    def start(redis_url: str, settings: Mapping[str, Any] | None = None) -> Ops:
        ops = Ops(tmp_path / "ops", redis_url, settings)
        until_test_ends(ops.process)
        return ops.start()

    return start


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real, headless Chromium. While it is open Playwright's loop runs in this thread: no other may be started."""
    if shutil.which(_CHROMIUM) is None:
        pytest.skip("not installed: chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
        yield chromium
        chromium.close()
