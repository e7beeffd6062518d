"""Stands in for the engine that builds images: runs a stage's steps in a root directory of its own.

The root is an overlay: below are a Debian (this machine's, or a directory made by debootstrap) and the Python that the
base image would bring, above is what the steps write, in memory. Needs root. All mounts are in a namespace that ends
with the test; nothing else is written.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.image.dockerfile import Stage, Step

# Kernel file systems, and what an engine gives to its builds as well: the way to the network.
_MOUNT = """set -e
mount -t overlay overlay -o "$OPTIONS" "$ROOT"
for each in proc dev sys; do mount --rbind /$each "$ROOT/$each"; done
"""
_PASSED_ON = re.compile(r"(PIP_|UV_(INDEX|DEFAULT_INDEX|FIND_LINKS|NATIVE_TLS)|SSL_CERT|.*_PROXY$)", re.IGNORECASE)


class Workshop:
    """A mount namespace with an empty file system in memory at ``inside``; ``outside`` is the same, seen from here."""

    def __init__(self, directory: Path) -> None:
        self.inside = directory
        script = f"mount -t tmpfs -o size=4g tmpfs {directory} && echo ready && exec sleep infinity"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        self.outside = Path(f"/proc/{self._holder.pid}/root{directory}")
        self.enter = ["nsenter", "--target", str(self._holder.pid), "--mount"]

    def close(self) -> None:
        """The kernel takes the mounts away."""
        self._holder.kill()
        self._holder.communicate()


class RootFs:
    """One stage: what its steps have written over the directories of ``base``, the uppermost first."""

    def __init__(self, workshop: Workshop, name: str, base: Sequence[Path]) -> None:
        self._workshop = workshop
        self._directory = workshop.inside / name
        self._base = base
        self._workdir = "/"
        self.layer = workshop.outside / name / "layer"
        self.environment = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        for part in ("layer", "work", "root"):
            (workshop.outside / name / part).mkdir(parents=True)

    def build(self, stage: Stage, context: Path, others: Mapping[str, "RootFs"], *, timeout_s: float) -> None:
        """Take all steps of the stage; CalledProcessError or TimeoutExpired if one fails."""
        for step in stage.steps:
            if step.name == "RUN":
                self.run(["sh", "-c", step.text], timeout_s=timeout_s)
            elif step.name == "COPY":
                self._copy(step, others[step.options["from"]].layer if "from" in step.options else context)
            elif step.name == "ENV":
                for name, _, value in (word.partition("=") for word in step.words):
                    self.environment[name] = re.sub(r"\$(\w+)", lambda match: self.environment[match[1]], value)
            elif step.name == "WORKDIR":
                self._workdir = step.text
                self._inside(step.text).mkdir(parents=True, exist_ok=True)

    def run(self, command: Sequence[str], *, timeout_s: float) -> str:
        """Run one command inside as root, and return what it printed."""
        mounted = self._lower(*self._base) + f",upperdir={self._directory}/layer,workdir={self._directory}/work"
        script = _MOUNT + 'cd /; exec chroot "$ROOT" sh -c \'cd "$0" && exec "$@"\' "$WORKDIR" "$@"'
        return self._unshared([], script, mounted, command, timeout_s)

    def run_image(self, script: str, files: Path, *, timeout_s: float) -> str:
        """Run a script around the finished image: its root (``$ROOT``) is read-only, and it has a network of its own.

        ``files`` are put at /etc/pinhole, where everybody may read them.
        """
        (self.layer / "etc" / "pinhole").mkdir(parents=True, exist_ok=True)
        mounts = f"""mount -t tmpfs tmpfs "$ROOT/etc/pinhole"
cp {files}/* "$ROOT/etc/pinhole"
mount -t tmpfs tmpfs "$ROOT/tmp"
mount -t tmpfs -o uid=10001,gid=10001 tmpfs "$ROOT/var/lib/pinhole"
ip link set lo up
"""
        mounted = self._lower(self._directory / "layer", *self._base)
        return self._unshared(["--net"], _MOUNT + mounts + script, mounted, [], timeout_s)

    def _unshared(
        self, namespaces: list[str], script: str, options: str, command: Sequence[str], timeout_s: float
    ) -> str:
        passed_on = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
        environment = {**passed_on, **self.environment, "ROOT": f"{self._directory}/root", "OPTIONS": options}
        unshare = ["unshare", "--mount", *namespaces, "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*self._workshop.enter, *unshare, "sh", "-c", script, "sh", *command],
            env={**environment, "WORKDIR": self._workdir},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(command) or script}\nended with {done.returncode}:\n{done.stdout[-6000:]}")
        return done.stdout

    @staticmethod
    def _lower(*directories: Path) -> str:
        return f"lowerdir={':'.join(map(str, directories))}"

    def _copy(self, step: Step, source: Path) -> None:
        *names, target = step.words
        into = self._inside(target)
        is_directory = target.endswith("/") or len(names) > 1
        for name in names:
            origin = source / name.lstrip("/")
            destination = into / origin.name if is_directory else into
            destination.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.bpf.o") if "from" not in step.options else None
                shutil.copytree(origin, destination, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy2(origin, destination)

    def _inside(self, path: str) -> Path:
        return self.layer / os.path.join(self._workdir, path).lstrip("/")


def python_layer(python: str, directory: Path) -> None:
    """What the base image has in /usr/local, copied from a Python of this machine that may be anywhere."""
    asked = subprocess.check_output([python, "-c", "import sys; print(sys.base_prefix)"], text=True)
    prefix = Path(asked.strip())
    local = directory / "usr" / "local"
    ignored = shutil.ignore_patterns("__pycache__", "test", "site-packages", "idlelib", "*.a")
    shutil.copytree(prefix, local, symlinks=True, ignore=ignored)
    shutil.rmtree(local / "bin")
    (local / "bin").mkdir()
    shutil.copy2(Path(python).resolve(), local / "bin" / "python3.12")
    for name in ("python", "python3"):
        (local / "bin" / name).symlink_to("python3.12")
    packages = Path("lib", "python3.12", "site-packages")
    shutil.copytree(prefix / packages / "pip", local / packages / "pip", ignore=ignored)
    pip = local / "bin" / "pip"
    pip.write_text('#!/bin/sh\nexec python -m pip "$@"\n')
    pip.chmod(0o755)
