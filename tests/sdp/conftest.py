"""The sample descriptions of tests/sdp/samples, by name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sdp.document import Document

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.sdp"))


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def any_sample(request: pytest.FixtureRequest) -> bytes:
    """Every sample in turn."""
    path: Path = request.param
    return path.read_bytes()


@pytest.fixture
def sample() -> Callable[[str], Document]:
    """``sample("chrome-offer")`` parses that sample."""
    by_name = {path.stem: path for path in SAMPLES}
    return lambda name: Document.parse(by_name[name].read_bytes())
