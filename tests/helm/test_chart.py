"""The chart installed by real Helm with many sets of values: what comes out is valid, safe, and fits together."""

import re
from typing import Any

import pytest
import yaml

from tests.helm.cases import CHART, REFUSALS, UPGRADES, VALUE_SETS
from tests.helm.release import Manifest, Release

every_value_set = pytest.mark.parametrize("release", VALUE_SETS, indirect=True)

_PRIVILEGES = {"capabilities": {"drop": ["ALL"], "add": ["BPF", "NET_ADMIN"]}}


def test_lint_has_nothing_to_say(helm_results: dict[str, Any]) -> None:
    assert [message for message in helm_results["lint"] if message["Severity"] > 1] == []


@pytest.mark.parametrize("name", VALUE_SETS)
def test_kubernetes_would_take_it(name: str, helm_results: dict[str, Any]) -> None:
    result = helm_results["jobs"][f"values {name}"]
    assert result["error"] == ""
    assert result["steps"][0]["invalid"] == []
    assert result["left"] == []


@pytest.mark.parametrize("name", REFUSALS)
def test_values_that_cannot_work_are_refused_with_a_reason(name: str, helm_results: dict[str, Any]) -> None:
    result = helm_results["jobs"][f"refusal {name}"]
    assert REFUSALS[name][1] in result["error"]
    assert result["steps"] == []


@pytest.mark.parametrize("name", UPGRADES)
def test_an_upgrade_changes_only_what_it_must(name: str, helm_results: dict[str, Any]) -> None:
    result = helm_results["jobs"][f"upgrade {name}"]
    assert result["error"] == ""
    before, after = (Release(step["objects"]).by_name() for step in result["steps"])
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == UPGRADES[name][2]
    for key in changed & before.keys() & after.keys():
        assert _unchangeable(before[key]) == _unchangeable(after[key])


def test_more_edges_leave_the_pods_that_run_alone(helm_results: dict[str, Any]) -> None:
    before, after = (Release(step["objects"]) for step in helm_results["jobs"]["upgrade one more edge"]["steps"])
    for component in ("b2bua", "relay"):
        assert before.component(component)["spec"]["template"] == after.component(component)["spec"]["template"]


@every_value_set
def test_pods_are_restricted_but_for_the_relay_in_the_kernel(release: Release) -> None:
    for name, _, spec in release.pods():
        security, containers = spec["securityContext"], spec["containers"]
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        is_privileged = name.endswith("-relay") and _forwarding(release) != "userspace"
        assert security["runAsNonRoot"] is not is_privileged
        assert (security["runAsUser"] == 0) is is_privileged
        for container in containers:
            expected = {"capabilities": {"drop": ["ALL"]}} if not is_privileged else _PRIVILEGES
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                **expected,
            }
            assert {"requests", "limits"} <= container["resources"].keys()
        assert "hostNetwork" not in spec or name.endswith(("-b2bua", "-relay"))
        assert not {"hostPID", "hostIPC"} & spec.keys()
        assert not [volume for volume in spec.get("volumes", []) if "hostPath" in volume]


@every_value_set
def test_every_reference_finds_what_it_names(release: Release) -> None:
    labels = [metadata["labels"] for _, metadata, _ in release.pods()]
    for item in release.objects:
        for selector in _selectors(item):
            assert any(_is_in(selector, each) for each in labels), (item["kind"], item["metadata"]["name"], selector)
    for service in release.of("Service"):
        pods = [spec for _, metadata, spec in release.pods() if _is_in(_pods_of(service), metadata["labels"])]
        open_ports = {(port["name"], port["protocol"]) for pod in pods for port in _ports(pod)}
        wanted = {(port["targetPort"], port["protocol"]) for port in service["spec"]["ports"]}
        assert {port for port in wanted if isinstance(port[0], str)} <= open_ports
    accounts = {item["metadata"]["name"] for item in release.of("ServiceAccount")} | {"default"}
    for name, _, spec in release.pods():
        assert name.endswith("-valkey") or spec["serviceAccountName"] in accounts
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                release.get("ConfigMap", volume["configMap"]["name"])


@every_value_set
def test_nobody_gets_a_secret_that_is_not_theirs(release: Release) -> None:
    assert release.of("Secret") == []
    for name, _, spec in release.pods():
        projections = [volume["projected"] for volume in spec.get("volumes", []) if "projected" in volume]
        secrets = [source["secret"] for projected in projections for source in projected["sources"]]
        whole = [secret["name"] for secret in secrets if "items" not in secret]
        assert not (whole and name.endswith(("-relay", "-valkey", "-options")))


def test_the_alerts_are_those_that_come_with_pinhole(helm_results: dict[str, Any]) -> None:
    release = Release(helm_results["jobs"]["values metrics"]["steps"][0]["objects"])
    (rule,) = release.of("PrometheusRule")
    shipped = yaml.safe_load((CHART.parents[1] / "ops" / "monitoring" / "alerts.yaml").read_text())["groups"]
    assert rule["spec"]["groups"][:-1] == shipped
    assert rule["spec"]["groups"][-1]["name"] == "ours"


def test_the_documentation_lists_every_value_set() -> None:
    page = (CHART.parents[1] / "docs" / "install.md").read_text()
    assert set(re.findall(r"^\| (?:example )?`([\w-]+)` \|", page, re.MULTILINE)) == VALUE_SETS.keys()
    assert f"{len(UPGRADES)} upgrades" in page
    assert f"{len(REFUSALS)} sets of values" in " ".join(page.split())


@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_notes_tell_the_next_command(name: str, helm_results: dict[str, Any]) -> None:
    step = helm_results["jobs"][f"values {name}"]["steps"][0]
    b2bua = Release(step["objects"]).component("b2bua")["metadata"]["name"]
    assert f"kubectl -n voip rollout status statefulset/{b2bua}" in step["notes"]
    assert "helm test edge -n voip" in step["notes"] or name == "bare"
    assert "<no value>" not in step["notes"]


def _unchangeable(item: Manifest) -> Any:
    """What Kubernetes refuses to change in an object that is there."""
    spec = item.get("spec", {})
    return [spec.get(key) for key in ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates")]


def _selectors(item: Manifest) -> list[Manifest]:
    if item["kind"] == "Service":
        return [_pods_of(item)]
    if item["kind"] == "PodDisruptionBudget":
        return [item["spec"]["selector"]["matchLabels"]]
    if item["kind"] == "NetworkPolicy":
        peers = [peer for rule in item["spec"]["ingress"] for peer in rule.get("from", ())]
        named = [peer["podSelector"].get("matchLabels", {}) for peer in peers if "podSelector" in peer]
        return [item["spec"]["podSelector"]["matchLabels"], *named]
    return []


def _pods_of(service: Manifest) -> Manifest:
    """The selector without the pod's index, which the StatefulSet gives."""
    return {key: value for key, value in service["spec"]["selector"].items() if key != "apps.kubernetes.io/pod-index"}


def _ports(pod: Manifest) -> list[Manifest]:
    return [port for container in pod["containers"] for port in container.get("ports", ())]


def _is_in(selector: Manifest, labels: Manifest) -> bool:
    return selector.items() <= labels.items()


def _forwarding(release: Release) -> str:
    config = next(item for item in release.of("ConfigMap") if item["metadata"]["name"].endswith("-relay"))
    return next(line.split()[1] for line in config["data"]["pinhole.yaml"].splitlines() if "forwarding:" in line)
