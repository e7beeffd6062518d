"""The processes started as the chart starts them, and asked as the chart's probes and its ``helm test`` ask them."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helm.release import NODE_FACTS, Manifest, Release, start

pytestmark = pytest.mark.root

_LOOPBACK = {**NODE_FACTS, "status.hostIP": "127.0.0.1", "status.podIP": "127.0.0.1"}
_LONGEST_S = 40


@pytest.mark.parametrize("release", ["least"], indirect=True)
def test_probes_and_helm_test_succeed_on_what_the_chart_starts(release: Release, tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("redis-server") is None:
        pytest.skip("needs root, ip and redis-server: for a network with the chart's ports to itself")
    pods = {name: release.component(name)["spec"]["template"]["spec"] for name in ("relay", "b2bua")}
    test = release.get("Pod", "edge-pinhole-test-options")["spec"]
    probes = [_probe(pod, kind) for pod in pods.values() for kind in ("startup", "liveness", "readiness")]
    tests = [shlex.join(container["command"]) for container in test["containers"]]
    asked = [command.replace("edge-pinhole-b2bua", "127.0.0.1") for command in [*probes, *tests]]
    script = "\n".join(
        [
            "ip link set lo up",
            "redis-server --port 6379 --save '' >/dev/null &",
            *(f"{_started(release, name, pod, tmp_path)} &" for name, pod in pods.items()),
            *(f"for i in $(seq 60); do {command} 2>/dev/null && break; sleep 0.2; done" for command in probes[2::3]),
            *(f"{command}; echo {shlex.quote(json.dumps(command))} $?" for command in asked),
            "kill $(jobs -p)",
            "wait",
        ]
    )
    done = subprocess.run(
        ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script],
        env={"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
    )
    results = [line for line in done.stdout.splitlines() if line.startswith('"python')]
    assert len(results) == len(asked) == 8
    assert {line.rsplit(" ", 1)[1] for line in results} == {"0"}, done.stdout + done.stderr


def _probe(pod: Manifest, kind: str) -> str:
    return shlex.join(pod["containers"][0][f"{kind}Probe"]["exec"]["command"])


def _started(release: Release, name: str, pod: Manifest, directory: Path) -> str:
    """The shell command that stands for a container with ``pinhole`` as its entry point."""
    container = start(release, pod, directory / name, _LOOPBACK)
    environment = {**container.environment, "PINHOLE_CONFIG": str(container.path("PINHOLE_CONFIG"))}
    environment["PINHOLE_REDIS__URL"] = "redis://127.0.0.1:6379/0"
    return shlex.join(
        ["env", *(f"{key}={value}" for key, value in environment.items()), "pinhole", *pod["containers"][0]["args"]]
    )
