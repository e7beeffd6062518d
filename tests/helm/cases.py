"""What the chart is tested with: sets of values, upgrades from one to another, and values that it must refuse."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "helm" / "pinhole"

Values = dict[str, Any]


def _value_sets() -> dict[str, Values]:
    files = [*sorted((CHART / "examples").glob("*.yaml")), *sorted((Path(__file__).parent / "values").glob("*.yaml"))]
    return {path.stem: yaml.safe_load(path.read_text()) for path in files}


def overlaid(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Values:
    """``values`` with ``changes`` merged into them, as ``helm --set`` does."""
    result = deepcopy(dict(values))
    for key, change in changes.items():
        below = result.get(key)
        is_nested = isinstance(change, Mapping) and isinstance(below, Mapping)
        result[key] = overlaid(below, change) if is_nested else change
    return result


VALUE_SETS = _value_sets()
"""The examples of the chart's README and the files under ``values/``, by name."""

LEAST = VALUE_SETS["least"]

B2BUA = {"ConfigMap/edge-pinhole-b2bua", "StatefulSet/edge-pinhole-b2bua"}
OPS = {"ConfigMap/edge-pinhole-ops", "Deployment/edge-pinhole-ops"}

UPGRADES: dict[str, tuple[Values, Values, set[str]]] = {
    "nothing": (LEAST, {}, set()),
    "a trunk": (LEAST, {"trunks": {"second": {"hosts": ["udp:192.0.2.20"]}}}, B2BUA | OPS),
    "a token": (
        overlaid(LEAST, {"credentials": {"existingSecret": "ours"}}),
        {"ops": {"tokens": {"me": {"token_secret": "me"}}}},
        OPS,
    ),
    "how long a relay waits": (
        LEAST,
        {"relay": {"media_timeout": 90}},
        {"ConfigMap/edge-pinhole-relay", "DaemonSet/edge-pinhole-relay"},
    ),
    "the image": (
        LEAST,
        {"image": {"tag": "0.2.0"}},
        {
            "StatefulSet/edge-pinhole-b2bua",
            "DaemonSet/edge-pinhole-relay",
            "Deployment/edge-pinhole-ops",
            "Pod/edge-pinhole-test-options",
        },
    ),
    "one more edge": (
        VALUE_SETS["node-port"],
        {"b2bua": {"replicas": 3}},
        {"StatefulSet/edge-pinhole-b2bua", "StatefulSet/edge-pinhole-relay", "Service/edge-pinhole-relay-2"},
    ),
    "a trunk, where relays are a StatefulSet": (
        VALUE_SETS["node-port"],
        {"trunks": {"carrier": {"codecs": ["PCMA"]}}},
        B2BUA | OPS,
    ),
}
"""Before, what is changed, and the objects that may differ after the upgrade."""

_LOAD_BALANCER = {"network": {"mode": "loadBalancer", "advertise": "203.0.113.10"}}

REFUSALS: dict[str, tuple[Values, str]] = {
    "a misspelt key": ({"netwrok": {"mode": "host"}}, "additional properties 'netwrok' not allowed"),
    "a misspelt key of a trunk": (
        {"trunks": {"carrier": {"cdoecs": []}}},
        "at '/trunks/carrier': additional properties 'cdoecs' not allowed",
    ),
    "a misspelt key deep inside": (
        {"b2bua": {"probes": {"liveness": {"periodSecond": 1}}}},
        "at '/b2bua/probes/liveness': additional properties 'periodSecond' not allowed",
    ),
    "an unknown mode": (
        {"network": {"mode": "hostNetwork"}},
        "at '/network/mode': value must be one of 'host', 'loadBalancer', 'nodePort'",
    ),
    "a name as address": ({"network": {"advertise": "sip.example"}}, "at '/network/advertise'"),
    "a route to nowhere": ({"routes": [{"called": "1"}]}, "at '/routes/0': missing property 'to'"),
    "text for a number": ({"b2bua": {"replicas": "2"}}, "at '/b2bua/replicas': got string, want integer"),
    "a privileged port": ({"network": {"sip": {"port": 506}}}, "at '/network/sip/port': minimum: got 506, want 1,024"),
    "nobody to call": ({"trunks": None}, "trunks, users: neither is set"),
    "no Redis": ({"redis": {"url": ""}}, "set exactly one of redis.url, redis.existingSecret and valkey.enabled"),
    "two Redises": ({"redis": {"existingSecret": "ours"}}, "set now: redis.url, redis.existingSecret"),
    "a password in the Redis URL": ({"redis": {"url": "redis://:secret@redis:6379"}}, "redis.url: has a password"),
    "a password in values": (
        {"trunks": {"carrier": {"password": "secret"}}},
        "trunks.carrier.password: passwords do not belong into values",
    ),
    "a password that is nowhere": (
        {"users": {"alice": {"password_secret": "alice"}}},
        "users.alice.password_secret: credentials.existingSecret is not set",
    ),
    "a token in values": (
        {"ops": {"tokens": {"me": {"token": "secret"}}}},
        "ops.tokens.me.token: tokens do not",
    ),
    "a token that is nowhere": (
        {"ops": {"tokens": {"me": {"token_secret": "me"}}}},
        "ops.tokens.me.token_secret: credentials.existingSecret is not set",
    ),
    "a load balancer without address": (
        {"network": {"mode": "loadBalancer"}},
        "network.advertise: is needed in mode loadBalancer",
    ),
    "pods behind one address": (
        overlaid(_LOAD_BALANCER, {"b2bua": {"replicas": 2}}),
        "b2bua.replicas: must be 1 in mode loadBalancer",
    ),
    "an address of the other family": (
        {"network": {"advertise": "2001:db8::7"}},
        "network.sip.address: 0.0.0.0 takes IPv4 only",
    ),
    "one address for several": (
        {"network": {"advertise": "203.0.113.7"}, "b2bua": {"replicas": 2}},
        "are one address, but there may be 2 B2BUAs",
    ),
    "two pods on a node": ({"b2bua": {"antiAffinity": "preferred"}}, "b2bua.antiAffinity: must be required"),
    "ports the wrong way round": ({"relay": {"ports": "30000-20000"}}, "relay.ports: 30000-20000 is not a range"),
    "too many ports for a Service": (
        overlaid(_LOAD_BALANCER, {"relay": {"ports": "20000-29999"}}),
        "are more than 2000 ports",
    ),
    "ports that are no node ports": (
        {"network": {"mode": "nodePort"}, "relay": {"ports": "20000-20099"}},
        "relay.ports: 20000-20099 is not within 30000-32767",
    ),
    "SIP inside the media range": (
        {"network": {"mode": "nodePort", "sip": {"nodePort": 30150}}},
        "network.sip.nodePort: 30150 is one of relay.ports",
    ),
    "an autoscaler that relays cannot follow": (
        overlaid(_LOAD_BALANCER, {"b2bua": {"autoscaling": {"enabled": True, "maxReplicas": 1}}}),
        "b2bua.autoscaling.enabled: is for mode host",
    ),
    "a policy that would cut Valkey off": (
        {"redis": {"url": ""}, "valkey": {"enabled": True}},
        "networkPolicy.nodeCidrs: is needed with valkey.enabled in mode host",
    ),
    "a probe call of strangers": (
        {"tests": {"probeCall": {"enabled": True, "from": "alice", "to": "bob"}}},
        'tests.probeCall.from: "alice" is not one of users',
    ),
}
"""What is laid over the least values, and what the refusal says."""


def jobs() -> dict[str, list[Values]]:
    """All of it, as ``run_helm.py`` wants it."""
    return {
        **{f"values {name}": [values] for name, values in VALUE_SETS.items()},
        **{f"upgrade {name}": [old, overlaid(old, changes)] for name, (old, changes, _) in UPGRADES.items()},
        **{f"refusal {name}": [overlaid(LEAST, changes)] for name, (changes, _) in REFUSALS.items()},
    }
