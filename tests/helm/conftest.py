"""Runs Helm once for all tests of the chart."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helm.cases import CHART, jobs
from tests.helm.release import Release
from tests.support.pythons import newer_pythons

_SCRIPT = Path(__file__).with_name("run_helm.py")
_LONGEST_S = 100


@pytest.fixture(scope="session")
def helm_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``run_helm.py`` says of all jobs."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(CHART.parents[1] / "var" / "uv" / "bin"))
    python = next(newer_pythons(), None)
    if platform.machine() != "x86_64" or sys.platform != "linux":
        pytest.skip("helm-sdkpy is for Linux on x86-64")
    if uv is None or python is None:
        pytest.skip(f"helm-sdkpy needs {'uv' if uv is None else 'Python 3.12 or newer'}, which is not installed")
    locked = ["--locked", "--no-python-downloads", "--python", python, "--script", str(_SCRIPT)]
    fetched = subprocess.run([uv, "sync", *locked], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"helm-sdkpy cannot be installed: {fetched.stderr.strip()}")
    done = subprocess.run(
        [uv, "run", "--quiet", *locked],
        input=json.dumps({"chart": str(CHART), "jobs": jobs()}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
        env={**os.environ, "HELM_DRIVER": "memory", "HOME": str(tmp_path_factory.mktemp("home")), **_uv_cache(uv)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def release(request: pytest.FixtureRequest, helm_results: dict[str, Any]) -> Release:
    """The installation with the set of values that the test is parametrized with."""
    result = helm_results["jobs"][f"values {request.param}"]
    assert result["error"] == ""
    return Release(result["steps"][0]["objects"])


def _uv_cache(uv: str) -> dict[str, str]:
    """Helm has no business in the real home; uv keeps its packages there."""
    found = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True)
    return {"UV_CACHE_DIR": found.stdout.strip()}
