"""The dashboard and the alert rules ask for nothing that a real system does not tell."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ops.settings.model import MonitoringSettings
from tests.support.monitoring import scrape
from tests.support.pinhole import StartPinhole, trunks_settings
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer

FILES = Path(__file__).parents[2] / "ops" / "monitoring"
METRIC = re.compile(r"\b(?:pinhole|process)_[a-z0-9_]+\b")
PROBE = "pinhole_probe_"
"""Told by ``pinhole probe``, whose own test looks at them."""


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[str]:
    for panel in json.loads((FILES / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def named(expressions: Iterator[str]) -> set[str]:
    return {name for text in expressions for name in METRIC.findall(text)}


def test_every_metric_that_is_named_exists(redis_server: RedisServer, start_pinhole: StartPinhole) -> None:
    pinhole = start_pinhole(redis_url=redis_server.url, settings=trunks_settings(5060))
    told: set[str] = set()
    for port in pinhole.monitoring.values():
        wait_for(lambda port=port: len(scrape(port)) > 0, 10, "metrics are served")
        told |= scrape(port).families
    wanted = named(rule["expr"] for rule in rules()) | named(queries())
    assert len(wanted) > 25
    assert {name for name in wanted if not name.startswith(PROBE) and not {name, family_of(name)} & told} == set()


def family_of(name: str) -> str:
    """The name in a TYPE line: without what a counter's, histogram's or info's samples have behind it."""
    return re.sub(r"_(?:total|bucket|sum|count|info)$", "", name)


def test_every_rule_says_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert rule["annotations"]["summary"], rule
        assert rule["annotations"]["action"], rule


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_prometheus_is_pointed_at_the_default_ports() -> None:
    (job,) = yaml.safe_load((FILES / "prometheus.yaml").read_text())["scrape_configs"]
    settings = MonitoringSettings()
    assert job["static_configs"][0]["targets"] == [str(settings.b2bua), str(settings.relay)]
