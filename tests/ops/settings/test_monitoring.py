"""Metrics, the mirror and traces in the configuration."""

from typing import Any

import pytest

from b2bua.config import HepConfig
from ops.settings import Configuration, SettingsError, load, references
from ops.settings.build import b2bua_config, relay_config


def configuration(**settings: Any) -> Configuration:
    return load(given=settings)


def problem(**settings: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        configuration(**settings)
    return str(caught.value)


def test_each_process_has_a_port_of_its_own_on_loopback_unless_told() -> None:
    chosen = configuration()
    assert b2bua_config(chosen, "").monitoring == ("127.0.0.1", 9580)
    assert relay_config(chosen, "").monitoring == ("127.0.0.1", 9581)
    chosen = configuration(monitoring={"b2bua": "[::]:9000", "relay": None})
    assert b2bua_config(chosen, "").monitoring == ("::", 9000)
    assert relay_config(chosen, "").monitoring is None


def test_the_environment_can_say_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINHOLE_MONITORING__B2BUA", "null")
    assert b2bua_config(configuration(), "").monitoring is None


def test_mirror_and_traces_are_off_unless_told() -> None:
    off = b2bua_config(configuration(node="n1"), "")
    assert (off.hep, off.traces) == (None, "")
    on = b2bua_config(
        configuration(node="n1", hep={"server": "homer.example:9060"}, traces={"endpoint": "http://c:4318/v1/traces"}),
        "",
    )
    assert on.hep == HepConfig(("homer.example", 9060), 2001, "n1")
    assert on.traces == "http://c:4318/v1/traces"


def test_what_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "monitoring.b2bua: needs a port" in problem(monitoring={"b2bua": "127.0.0.1"})
    assert "monitoring.relay: is the same as" in problem(monitoring={"relay": "127.0.0.1:9580"})
    assert "hep.server: needs a port" in problem(hep={"server": "homer.example"})
    assert "hep.capture_id" in problem(hep={"server": "homer.example:9060", "capture_id": -1})
    assert "traces.endpoint" in problem(traces={"endpoint": "collector:4317"})
    monkeypatch.setattr(references, "find_spec", lambda name: None)
    assert "traces: needs Python packages" in problem(traces={"endpoint": "http://c:4318/v1/traces"})
