"""Finds the other Pythons of this machine, for tools that do not run on the one of the tests."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def newer_pythons() -> Iterator[str]:
    """Programs of Python 3.12, then of newer ones."""
    candidates = [sys.executable, *filter(None, map(shutil.which, ("python3.12", "python3", "python3.13")))]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        candidates += map(str, sorted(Path(root, "versions").glob("3.1[23].*/bin/python3")))
    found = ((version, candidate) for candidate in candidates if (version := _version(candidate)) >= (3, 12))
    yield from (candidate for _, candidate in sorted(found, key=lambda pair: pair[0]))


def _version(python: str) -> tuple[int, ...]:
    asked = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return tuple(map(int, asked.stdout.split()))
