"""The rendered configuration as Pinhole itself reads it, in the environment that Kubernetes would give it."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.settings import Configuration, load
from ops.settings.build import b2bua_config, relay_config
from tests.helm.cases import VALUE_SETS
from tests.helm.release import IPV6_FACTS, NODE_FACTS, Release, Started, start

every_value_set = pytest.mark.parametrize("release", VALUE_SETS, indirect=True)

HOST_IP, POD_IP = NODE_FACTS["status.hostIP"], NODE_FACTS["status.podIP"]


@pytest.fixture
def in_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Pod":
    return Pod(monkeypatch, tmp_path)


def facts_for(release: Release) -> dict[str, str]:
    """Those of the cluster that the values are for."""
    is_ipv6 = any("[::]" in item["data"]["pinhole.yaml"] for item in release.of("ConfigMap"))
    return IPV6_FACTS if is_ipv6 else NODE_FACTS


class Pod:
    """Stands in for the first container of a component's pod."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self._monkeypatch = monkeypatch
        self._root = root

    def start(self, release: Release, component: str) -> Started:
        """Give this process the container's environment."""
        spec = release.component(component)["spec"]["template"]["spec"]
        container = start(release, spec, self._root / component, facts_for(release))
        for name in [*os.environ]:
            if name.startswith("PINHOLE_"):
                self._monkeypatch.delenv(name)
        for name, value in container.environment.items():
            self._monkeypatch.setenv(name, value)
        for name in ("PINHOLE_CONFIG", "PINHOLE_SECRETS_DIR"):
            if path := container.path(name):
                self._monkeypatch.setenv(name, str(path))
        return container

    def load(self, release: Release, component: str) -> Configuration:
        """The configuration that the container has."""
        container = self.start(release, component)
        return load(container.path("PINHOLE_CONFIG"), secrets_dir=container.path("PINHOLE_SECRETS_DIR"))


@every_value_set
def test_pinhole_check_takes_it(release: Release, in_pod: Pod) -> None:
    for component in ("b2bua", "relay", "ops"):
        if component == "ops" and not release.of("Deployment"):
            continue
        in_pod.start(release, component)
        checked = CliRunner().invoke(app, ["check"])
        assert checked.exit_code == 0, checked.output
        assert "the configuration is valid" in checked.output
        assert "embedded" not in checked.output


@every_value_set
def test_a_b2bua_finds_its_relay_and_hears_its_events(release: Release, in_pod: Pod) -> None:
    b2bua = b2bua_config(in_pod.load(release, "b2bua"), "")
    relay = relay_config(in_pod.load(release, "relay"), "")
    assert b2bua.node == relay.node  # the name of the stream in which a relay tells its B2BUA that media has stopped
    host, _, port = b2bua.relay.rpartition(":")
    assert int(port) == relay.ng_port
    if release.component("relay")["kind"] == "DaemonSet":
        assert host == relay.ng_host == "127.0.0.1"
        assert release.component("b2bua")["spec"]["template"]["spec"]["affinity"]["podAffinity"]
        return
    assert relay.ng_host in ("0.0.0.0", "::")
    selector = release.get("Service", host)["spec"]["selector"]
    assert selector["apps.kubernetes.io/pod-index"] == NODE_FACTS["metadata.labels['apps.kubernetes.io/pod-index']"]


@every_value_set
def test_the_ports_of_media_are_those_of_its_service(release: Release, in_pod: Pod) -> None:
    relay = relay_config(in_pod.load(release, "relay"), "")
    media = [item for item in release.of("Service") if item["metadata"]["name"].endswith("-media")]
    assert bool(media) is (release.component("relay")["kind"] == "StatefulSet")
    for service in media:
        expected = range(relay.port_min, relay.port_max + 1)
        assert [port["port"] for port in service["spec"]["ports"]] == [*expected]
        assert {port["targetPort"] - port["port"] for port in service["spec"]["ports"]} == {0}
        assert service["spec"]["externalTrafficPolicy"] == "Local"
        if service["spec"]["type"] == "NodePort":
            assert {port["nodePort"] - port["port"] for port in service["spec"]["ports"]} == {0}


@pytest.mark.parametrize(
    ("release", "sip", "media"),
    [
        ("least", f"{HOST_IP}:5060", HOST_IP),
        ("node-port", f"{HOST_IP}:30060", HOST_IP),
        ("given-address", "203.0.113.7:5060", "203.0.113.8"),
        ("cloud-load-balancer", "203.0.113.10:5060", "203.0.113.11"),
        ("tcp-only", "203.0.113.10:5070", "203.0.113.10"),
    ],
    indirect=["release"],
)
def test_peers_are_told_the_address_that_reaches_us(release: Release, sip: str, media: str, in_pod: Pod) -> None:
    for listener in b2bua_config(in_pod.load(release, "b2bua"), "").listeners:
        assert f"{listener.advertised_host}:{listener.advertised_port}" == sip
    (interface,) = relay_config(in_pod.load(release, "relay"), "").interfaces
    assert (interface.address, interface.signalled) == (POD_IP, media)


@pytest.mark.parametrize(
    ("release", "host"),
    [("ipv6", IPV6_FACTS["status.hostIP"]), ("given-address-at-node-port", "2001:db8::7")],
    indirect=["release"],
)
def test_ipv6_addresses_are_told_with_their_port(release: Release, host: str, in_pod: Pod) -> None:
    for listener in b2bua_config(in_pod.load(release, "b2bua"), "").listeners:
        assert (listener.advertised_host, listener.advertised_port) == (host, 30060)
    (interface,) = relay_config(in_pod.load(release, "relay"), "").interfaces
    assert (interface.address, interface.signalled) == (IPV6_FACTS["status.podIP"], host)


@pytest.mark.parametrize("release", ["phones"], indirect=True)
def test_passwords_and_redis_come_from_the_mounted_secrets(release: Release, in_pod: Pod) -> None:
    chosen = in_pod.load(release, "b2bua")
    config = b2bua_config(chosen, "")
    assert config.users["alice"].password == "alice-itself-long-enough-for-a-token"
    assert chosen.settings.redis.url is not None
    assert chosen.settings.redis.url.get_secret_value() == "redis://:secret@redis.example:6379/0"
    assert (config.limit.calls, config.timers.ring, config.registrar.realm) == (50, 90, "voip.example")
    relay = in_pod.load(release, "relay").settings
    assert relay.users == {}
    assert relay.redis == chosen.settings.redis


@pytest.mark.parametrize(
    ("release", "forwarding"),
    [("least", "userspace"), ("bare-metal", "auto"), ("kernel-in-cluster", "kernel")],
    indirect=["release"],
)
def test_the_relay_forwards_where_it_is_told_to(release: Release, forwarding: str, in_pod: Pod) -> None:
    assert relay_config(in_pod.load(release, "relay"), "").forwarding == forwarding


@pytest.mark.parametrize("release", ["metrics"], indirect=True)
def test_metrics_are_served_where_the_service_asks(release: Release, in_pod: Pod) -> None:
    for component, monitoring in (
        ("b2bua", b2bua_config(in_pod.load(release, "b2bua"), "").monitoring),
        ("relay", relay_config(in_pod.load(release, "relay"), "").monitoring),
    ):
        ports = release.component(component)["spec"]["template"]["spec"]["containers"][0]["ports"]
        (port,) = (port["containerPort"] for port in ports if port["name"] == "metrics")
        assert monitoring == (IPV6_FACTS["status.podIP"], port)
