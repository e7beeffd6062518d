"""Rendered manifests as tests look at them, and a pod's container as Kubernetes would start it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]

NODE_FACTS = {
    "status.hostIP": "198.51.100.5",
    "status.podIP": "10.42.0.9",
    "spec.nodeName": "edge-node.internal",
    "metadata.labels['apps.kubernetes.io/pod-index']": "0",
}
"""What a node would say of a pod."""
IPV6_FACTS = {**NODE_FACTS, "status.hostIP": "2001:db8::5", "status.podIP": "2001:db8:42::9"}
"""The same in a cluster of IPv6."""


@dataclass(frozen=True)
class Release:
    """All objects of a release, hooks included."""

    objects: list[Manifest]

    def get(self, kind: str, name: str) -> Manifest:
        """One object."""
        return next(item for item in self.objects if (item["kind"], item["metadata"]["name"]) == (kind, name))

    def of(self, kind: str) -> list[Manifest]:
        """All objects of a kind."""
        return [item for item in self.objects if item["kind"] == kind]

    def by_name(self) -> dict[str, Manifest]:
        """``KIND/NAME`` -> object."""
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in self.objects}

    def component(self, name: str) -> Manifest:
        """The workload of a component."""
        return next(
            item
            for item in self.objects
            if item["kind"] in WORKLOADS and item["metadata"]["labels"]["app.kubernetes.io/component"] == name
        )

    def pods(self) -> Iterator[tuple[str, Manifest, Manifest]]:
        """Name, metadata and spec of each workload's pods."""
        for item in self.objects:
            if item["kind"] in WORKLOADS:
                template = item["spec"]["template"]
                yield f"{item['kind']}/{item['metadata']['name']}", template["metadata"], template["spec"]
            elif item["kind"] == "Pod":
                yield f"Pod/{item['metadata']['name']}", item["metadata"], item["spec"]


WORKLOADS = ("StatefulSet", "DaemonSet", "Deployment")


@dataclass(frozen=True)
class Started:
    """The environment of a container and its files, with every mounted path below ``root``."""

    environment: dict[str, str]
    root: Path

    def path(self, variable: str) -> Path | None:
        """Where the path that a variable names is on this machine."""
        value = self.environment.get(variable)
        return self.root / value.lstrip("/") if value else None


def start(release: Release, spec: Manifest, root: Path, facts: dict[str, str]) -> Started:
    """What the kubelet does before it runs the first container of a pod; secrets say what they are."""
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    container = spec["containers"][0]
    for mount in container.get("volumeMounts", []):
        _fill(release, volumes[mount["name"]], root / mount["mountPath"].lstrip("/"))
    environment: dict[str, str] = {}
    for variable in container.get("env", []):
        value = variable.get("value", "")
        if source := variable.get("valueFrom"):
            value = facts[source["fieldRef"]["fieldPath"]]
        environment[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: environment.get(match[1], match[0]), value)
    return Started(environment, root)


def _fill(release: Release, volume: Manifest, directory: Path) -> None:
    if "configMap" in volume:
        _mount(directory, release.get("ConfigMap", volume["configMap"]["name"])["data"])
    elif "projected" in volume:
        _mount(directory, _secret_files(release, volume["projected"]["sources"]))
    else:
        directory.mkdir(parents=True)


def _mount(directory: Path, files: dict[str, str]) -> None:
    """As the kubelet does it: files are links to a directory that can be exchanged for another at once."""
    (directory / "..2026_11_23").mkdir(parents=True)
    (directory / "..data").symlink_to("..2026_11_23")
    for name, content in files.items():
        (directory / "..2026_11_23" / name).write_text(content)
        (directory / name).symlink_to(Path("..data", name))


def _secret_files(release: Release, sources: list[Manifest]) -> dict[str, str]:
    files: dict[str, str] = {}
    for source in sources:
        secret = source["secret"]
        if "items" in secret:
            files |= {item["path"]: "redis://:secret@redis.example:6379/0\n" for item in secret["items"]}
        else:  # the user's own Secret: one key for each that the configuration asks for
            files |= {key: f"{key}-itself-long-enough-for-a-token\n" for key in _asked_for(release)}
    return files


def _asked_for(release: Release) -> set[str]:
    texts = "\n".join(text for item in release.of("ConfigMap") for text in item["data"].values())
    return set(re.findall(r"(?:password|token)_secret: (\S+)", texts))
