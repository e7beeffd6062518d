# /// script
# requires-python = ">=3.12"
# dependencies = ["helm-sdkpy==0.1.32", "kubernetes-validate==1.37.0", "pyyaml"]
# ///
"""Runs real Helm (helm-sdkpy, which needs Python 3.12) in an environment of its own: jobs in on stdin, results out.

``{"chart": DIR, "jobs": {NAME: [VALUES, ...]}}`` becomes ``{"lint": [...], "jobs": {NAME: {"error": TEXT, "steps":
[{"objects": [...], "notes": TEXT, "invalid": [...]}], "left": [...]}}}``: a step for the installation and for each
upgrade, and what the uninstallation left behind.

The environment must say HELM_DRIVER=memory before Python starts: Helm's library reads it from the process, and would
keep releases as Secrets in a form that only a real API server takes.
"""

import asyncio
import functools
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import helm_sdkpy as helm
import kubernetes_validate
import yaml
from api_server import ApiServer

NAMESPACE = "voip"
RELEASE = "edge"
KUBERNETES_VERSIONS = ("1.28", "1.34")
NOT_KUBERNETES = "monitoring.coreos.com/v1"
"""The Prometheus operator's own kinds, which the validator has no schemas for."""


async def main() -> None:
    """All jobs side by side: Helm sends few requests a second to each cluster, and so mostly waits."""
    order = json.load(sys.stdin)
    lint = await helm.Lint(helm.Configuration(namespace=NAMESPACE)).run(order["chart"])
    jobs = order["jobs"]
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(len(jobs)))  # in which helm-sdkpy waits
    results = await asyncio.gather(*(run(order["chart"], job) for job in jobs.values()))
    json.dump({"lint": lint["Messages"], "jobs": dict(zip(jobs, results, strict=True))}, sys.stdout)


async def run(chart: str, releases: list[dict[str, Any]]) -> dict[str, Any]:
    """Install with the first values and upgrade with the others, or uninstall, in a cluster of its own."""
    server = ApiServer()
    configuration = helm.Configuration(namespace=NAMESPACE, kubeconfig=server.kubeconfig(NAMESPACE))
    steps: list[dict[str, Any]] = []
    try:
        for values in releases:
            action = helm.Upgrade(configuration) if steps else helm.Install(configuration)
            steps.append(step(await action.run(RELEASE, chart, values=values, wait=False, timeout=60)))
        if len(releases) == 1:  # Helm sends five requests a second: an upgrade takes its time already
            await helm.Uninstall(configuration).run(RELEASE, wait=False)
    except helm.HelmError as refusal:
        return {"error": str(refusal), "steps": steps}
    finally:
        server.shutdown()
        server.server_close()
    return {"error": "", "steps": steps, "left": sorted(server.objects)}


def step(release: dict[str, Any]) -> dict[str, Any]:
    """What a release has become."""
    manifests = [release["manifest"], *(hook["manifest"] for hook in release.get("hooks") or [])]
    objects = [item for text in manifests for item in yaml.load_all(text, yaml.CSafeLoader) if item]
    problems = [problem for item in objects for problem in invalid(item)]
    return {"objects": objects, "notes": release["info"]["notes"], "invalid": problems}


def invalid(item: dict[str, Any]) -> tuple[str, ...]:
    """What Kubernetes would not take, in the oldest and the newest version that the chart is for."""
    return _invalid(json.dumps(item)) if item["apiVersion"] != NOT_KUBERNETES else ()


@functools.cache  # most objects of two sets of values are the same
def _invalid(document: str) -> tuple[str, ...]:
    item = json.loads(document)
    problems = []
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = "/".join(map(str, error.path))
            problems.append(f"{version}: {item['kind']}/{item['metadata']['name']}: {place}: {error.message}")
    return tuple(problems)


kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
"""It would read megabytes of schemas for every object."""

if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)  # Helm's runtime has threads that would hold up the end
