"""The whole system as `./run demo` shows it, and the commands that look at it while it runs."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2bua.keys import Keys
from ops.demo import LADDER_KEPT_S, run_demo
from ops.demo_system import DemoError, DemoSystem
from ops.phone.audio import write_tone
from ops.synthetic_call import SyntheticCall
from tests.support.ops import OpsClient
from tests.support.processes import wait_for

PINHOLE = Path(sys.executable).with_name("pinhole")


@pytest.fixture(scope="module")
def system() -> Iterator[DemoSystem]:
    with DemoSystem(LADDER_KEPT_S) as system:
        yield system


def test_the_demo_proves_its_call(system: DemoSystem) -> None:
    steps: list[str] = []
    report = run_demo(system, steps.append)
    assert report.problems == []
    facts = json.loads(json.dumps(report.facts()))
    assert facts["ok"] is True
    summaries = [entry["summary"].split()[0] for entry in facts["ladder"]]
    assert summaries.count("INVITE") == summaries.count("BYE") == 2
    assert set(facts["redis_during"]) >= {Keys().call(report.call_id), Keys().bindings(report.call_id)}
    assert facts["redis_after"] == {}
    for leg, heard in zip(facts["legs"], ("bob", "alice"), strict=True):
        assert (leg["hears"], leg["lost"], leg["own_tone_s"]) == (heard, 0, 0.0)
        assert leg["packets"] > 100
        assert leg["tone_s"] > 2
        assert leg["mos"] > 4
    assert any("talking" in step for step in steps)


def test_hangup_ends_a_live_call_at_both_phones(system: DemoSystem) -> None:
    caller, callee = system.accounts
    with SyntheticCall(caller, callee, system.server, system.directory) as call:
        call.register()
        call.connect()
        (listed,) = json.loads(_pinhole(system, "calls", "--json").stdout)
        shown = _pinhole(system, "call", listed["id"])
        done = _pinhole(system, "hangup", listed["id"])
        call.caller.wait_ended()
        call.callee.wait_ended()
    assert (listed["from"], listed["to"], listed["state"]) == (caller.user, callee.user, "answered")
    assert "audio0.a.packets" in shown.stdout
    assert "INVITE" in shown.stdout
    assert done.returncode == 0


def test_probe_judges_a_running_system(system: DemoSystem) -> None:
    done = _pinhole(system, "probe", "--seconds", "2", "--json")
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["ok"]) == (0, True)
    assert all(leg["tone_s"] > 1 for leg in facts["legs"])


def test_silence_is_not_taken_for_a_call(system: DemoSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.synthetic_call.write_tone", lambda path, tone: write_tone(path, tone, amplitude=0))
    report = run_demo(system, lambda step: None)
    assert not report.ok
    assert report.problems[0].startswith("alice did not hear bob: 0.0 s of its tone")


def test_a_system_that_does_not_start_is_told_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = DemoSystem(LADDER_KEPT_S)
    broken.config_path.write_text("lisen: x")
    with pytest.raises(DemoError, match="status 3") as caught, broken:
        pass
    assert "did you mean 'listen'" in str(caught.value)


def _pinhole(system: DemoSystem, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [PINHOLE, *arguments, "--config", str(system.config_path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_demo_that_is_kept_has_a_page_with_a_call_on_it() -> None:
    command = [PINHOLE, "demo", "--keep", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:
        try:
            assert demo.stdout is not None
            address, _, token = json.loads(demo.stdout.readline())["page"].partition("/#token=")
            client = OpsClient(address.removeprefix("http://"))
            wait_for(lambda: _answered(client, token) == [("alice", "bob")], 15, "the page's API has the call")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(20)


def _answered(client: OpsClient, token: str) -> list[tuple[str, str]]:
    calls = client.ask("/api/v1/calls?state=answered", token=token).data["calls"]
    return [(call["from"], call["to"]) for call in calls]
