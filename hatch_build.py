"""What of the wheel is compiled: the relay's program for the kernel, and the core in the wheel's native form.

Every wheel has ``relay.bpf.o``, which is the same for all Pythons and processors of one byte order, if there is a clang
to make it with. The native form has the same sources, those on the path of a call compiled by mypyc:
``PINHOLE_NATIVE=1 uv build --wheel`` makes a wheel for this machine's Python and processor; without the variable, and
for the editable install of the work tree, everything stays plain Python. Everything is made under build/: a compiled
module beside its source would hide every later edit of it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILED = (
    "b2bua/sip/*.py",
    "b2bua/sip/headers/*.py",
    "b2bua/sip/transaction/*.py",
    "b2bua/call/*.py",
    "b2bua/transport/transports.py",
    "b2bua/transport/udp.py",
    "b2bua/admission.py",
    "b2bua/call_record.py",
    "b2bua/daemon.py",
    "b2bua/journal.py",
    "b2bua/journal_backlog.py",
    "b2bua/journal_writes.py",
    "b2bua/keys.py",
    "b2bua/listeners.py",
    "b2bua/routing.py",
    "b2bua/trunks.py",
    "sdp/bypass.py",
)
"""What runs for every message of a call: the engine, and the way from the socket to it and from it to Redis."""

REQUIREMENTS = ["mypy>=2.4,<3", "setuptools>=80"]
"""mypyc comes with mypy; what it writes in C is compiled by way of setuptools. Neither is needed at run time."""


class NativeBuild(BuildHookInterface):  # type: ignore[type-arg]  # its parameter, the builder's configuration, is not used
    """Adds the extension modules to a wheel that is asked for them."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build environment needs."""
        return REQUIREMENTS if _is_asked_for() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel is packed; ``version`` is ``editable`` for the install of a work tree."""
        if version == "editable":
            return
        root = Path(self.root)
        self._add_kernel_program(root, build_data)
        if not _is_asked_for():
            return
        libraries = root / "build" / "native" / "lib"
        _compile(root, libraries)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for library in sorted(libraries.rglob("*.so")):
            build_data["force_include"][str(library)] = str(library.relative_to(libraries))

    def _add_kernel_program(self, root: Path, build_data: dict[str, Any]) -> None:
        forwarding = Path("media_relay", "forwarding")
        directory = root / "build" / "bpf"
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(root / forwarding / "build_bpf.py"), str(directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.app.display_warning(f"this wheel forwards in userspace only: {done.stderr.strip()}")
            return
        made = Path(done.stdout.strip())
        build_data["force_include"][str(made)] = str(forwarding / made.name)


def _is_asked_for() -> bool:
    return os.environ.get("PINHOLE_NATIVE") == "1"


def _compile(root: Path, libraries: Path) -> None:
    """Leave one shared library with all modules in ``libraries``, and beside it a stub for each module's name."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    sources = [path.relative_to(root) for pattern in COMPILED for path in sorted(root.glob(pattern))]
    modules = [str(path) for path in sources if path.name != "__init__.py"]
    work = libraries.parent
    shutil.rmtree(libraries, ignore_errors=True)
    # The packages that we depend on are not in the build environment. They are none of what is compiled.
    options = [f"--cache-dir={work / 'mypy'}", "--ignore-missing-imports", "--no-warn-unused-ignores"]
    os.chdir(root)  # mypyc names modules by their paths, and mypy finds its settings here
    extensions = mypycify([*options, *modules], target_dir=str(work / "c"), group_name="pinhole", debug_level="0")
    arguments = ["build_ext", f"--build-lib={libraries}", f"--build-temp={work / 'objects'}"]
    distribution = Distribution({"ext_modules": extensions, "script_name": "hatch_build.py", "script_args": arguments})
    distribution.parse_command_line()
    distribution.run_commands()
