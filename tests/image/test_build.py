"""The Dockerfile's steps, run in root directories of their own, and the result started as an engine would start it.

PINHOLE_TEST_IMAGE=full takes the steps as they are written; else the core is left uncompiled, which spares minutes.

Not Docker: the base image is stood in for by a Debian 12 (this machine's, or the directory of a debootstrap that
PINHOLE_TEST_IMAGE_BASE names) and a Python 3.12 of this machine.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.image.dockerfile import Stage, Step
from tests.image.rootfs import RootFs, Workshop, python_layer
from tests.image.test_dockerfile import IMAGE, ROOT, STAGES
from tests.support.pythons import newer_pythons

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

_IS_FULL = os.environ.get("PINHOLE_TEST_IMAGE") == "full"
_STEP_S = 420 if _IS_FULL else 150
"""For one step; compiling the core takes most of it."""

_CONFIGURATION = {"users": {"alice": {"password": "secret"}}, "logs": {"format": "json"}}

# As the chart and the Dockerfile's own comment start it: no capabilities, no new privileges, nothing writable but what
# is mounted.
_RESTRICTED = "setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set -all --inh-caps -all --no-new-privs"
_KERNEL = "setpriv --bounding-set -all,+bpf,+net_admin --inh-caps -all --no-new-privs"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RootFs]:
    """All stages built; the last one."""
    debian = Path(os.environ.get("PINHOLE_TEST_IMAGE_BASE", "/"))
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    if "VERSION_CODENAME=bookworm" not in (debian / "etc" / "os-release").read_text():
        pytest.skip("needs Debian 12; elsewhere name the directory of a debootstrap as PINHOLE_TEST_IMAGE_BASE")
    python = next(newer_pythons(), None)
    if python is None or "3.12" not in subprocess.check_output([python, "--version"], text=True):
        pytest.skip("needs Python 3.12, which is not installed")
    workshop = Workshop(tmp_path_factory.mktemp("image"))
    try:
        python_layer(python, workshop.outside / "python")
        built: dict[str, RootFs] = {}
        for stage in STAGES:
            built[stage.name] = RootFs(workshop, stage.name or "image", [workshop.inside / "python", debian])
            # A Python that was built with a shared library looks for it where it was installed.
            built[stage.name].environment["LD_LIBRARY_PATH"] = "/usr/local/lib"
            stage = stage if _IS_FULL else _uncompiled(stage)
            built[stage.name].build(stage, ROOT, built, timeout_s=_STEP_S)
        yield built[""]
    finally:
        workshop.close()


def test_the_image_has_the_core_and_the_program_for_the_kernel(image: RootFs) -> None:
    packages = image.layer / "opt/pinhole/lib/python3.12/site-packages"
    assert (packages / "media_relay/forwarding/relay.bpf.o").read_bytes()[:4] == b"\x7fELF"
    assert bool([*packages.glob("b2bua/sip/message.*.so")]) is _IS_FULL
    assert not [*packages.glob("pytest")]


def test_it_runs_restricted_and_its_health_check_tells(image: RootFs, tmp_path: Path) -> None:
    (tmp_path / "pinhole.yaml").write_text(yaml.safe_dump(_CONFIGURATION))
    command = shlex.join(IMAGE.only("ENTRYPOINT").command + IMAGE.only("CMD").command)
    check = shlex.join(IMAGE.only("HEALTHCHECK").command)
    told = image.run_image(
        f"""
! chroot "$ROOT" {_RESTRICTED} touch /etc/pinhole-was-here 2>/dev/null
chroot "$ROOT" {_RESTRICTED} pinhole check
chroot "$ROOT" {_RESTRICTED} {command} &
for attempt in $(seq 60); do
    chroot "$ROOT" {_RESTRICTED} {check} 2>/dev/null && break
    sleep 0.25
done
chroot "$ROOT" {_RESTRICTED} {check}
chroot "$ROOT" {_RESTRICTED} pinhole calls
kill -TERM $!
wait $!
echo "ended with $?"
""",
        tmp_path,
        timeout_s=60,
    )
    assert "the configuration is valid" in told
    assert "b2bua-ready" in told
    assert told.rstrip().endswith("ended with 0")


def test_the_kernel_forwards_with_two_capabilities(image: RootFs, tmp_path: Path) -> None:
    relay = {"forwarding": "kernel", "interfaces": [{"address": "192.0.2.1"}]}
    # Not there, which a relay survives. The embedded one is not for this root to start: it may not write there.
    redis = {"url": "redis://127.0.0.1:6379/0"}
    (tmp_path / "pinhole.yaml").write_text(yaml.safe_dump({**_CONFIGURATION, "relay": relay, "redis": redis}))
    told = image.run_image(
        f"""
ip link add media type veth peer name far
ip address add 192.0.2.1/24 dev media
ip link set media up
ip link set far up
chroot "$ROOT" {_KERNEL} pinhole relay &
for attempt in $(seq 60); do
    chroot "$ROOT" {_RESTRICTED} python -m ops.liveness ng 127.0.0.1:2223 2>/dev/null && break
    sleep 0.25
done
chroot "$ROOT" {_RESTRICTED} python -m ops.liveness ng 127.0.0.1:2223
kill -TERM $!
wait $!
""",
        tmp_path,
        timeout_s=60,
    )
    assert "relay-started" in told


def _uncompiled(stage: Stage) -> Stage:
    steps = [Step(step.name, step.text.replace("PINHOLE_NATIVE=1 ", "")) for step in stage.steps]
    return Stage(stage.base, stage.name, steps)
