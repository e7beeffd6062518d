"""Compiles ``relay.bpf.c``, when the package or the image is built and when it is tested: never where it runs.

``python media_relay/forwarding/build_bpf.py [DIRECTORY]`` puts ``relay.bpf.o`` beside the source, or into DIRECTORY. It
needs clang and the headers of libbpf (Debian: ``clang libbpf-dev linux-libc-dev``), and nothing of Pinhole.
"""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("relay.bpf.c")
OBJECT_NAME = "relay.bpf.o"
_FLAGS = ("-O2", "-g", "-Wall", "-Wextra", "-Werror", "-target", "bpf", "-mcpu=v3")
"""-g for BTF, which the kernel wants for spin locks; v3 (Linux 5.12) has atomics and 32-bit jumps."""


class BuildError(Exception):
    """clang is missing, or did not like the source."""


def build(directory: Path) -> Path:
    """Compile into ``directory`` and return the object's path. Raises BuildError."""
    clang = shutil.which("clang")
    if clang is None:
        raise BuildError("clang is not installed")
    target = directory / OBJECT_NAME
    headers = f"-I/usr/include/{platform.machine()}-linux-gnu"  # where Debian has <asm/types.h>
    done = subprocess.run(
        [clang, *_FLAGS, headers, "-c", str(SOURCE), "-o", str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(done.stderr.strip())
    if strip := shutil.which("llvm-strip"):
        subprocess.run([strip, "--strip-debug", str(target)], check=True)  # BTF stays
    return target


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE.parent))
    except BuildError as error:
        sys.exit(f"relay.bpf.c: {error}")
