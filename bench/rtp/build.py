"""Compiles the RTP generator and receiver: Python could not make 30 000 packets a second and leave room to verify."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.report import UnavailableError

_SOURCES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Programs:
    """The compiled programs."""

    generator: Path
    receiver: Path


def build(directory: Path) -> Programs:
    """Compile into ``directory``. ``UnavailableError`` without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise UnavailableError("a C compiler (gcc) is not installed")
    programs = Programs(directory / "generator", directory / "receiver")
    for program in (programs.generator, programs.receiver):
        source = _SOURCES / f"{program.name}.c"
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    return programs
