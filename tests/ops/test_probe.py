"""``pinhole probe`` to a number behind a trunk: once, and again and again with its results as metrics."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.test_monitoring_files import PROBE, family_of, named, queries, rules
from tests.support.monitoring import scrape
from tests.support.pinhole import CALLEE_ADDRESS, Pinhole, StartPinhole, trunks_settings
from tests.support.processes import Process, free_port, wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

PINHOLE = Path(sys.executable).with_name("pinhole")
CALLEE = Path(__file__).parents[1] / "interop" / "sipp" / "callee.xml"
ECHO_NUMBER = "9196"


@pytest.fixture
def system(sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole) -> Pinhole:
    """A system with one phone's account and an echo test behind a trunk."""
    echo = sipp.serve(CALLEE, address=CALLEE_ADDRESS, options=["-rtp_echo"])
    settings = trunks_settings(echo.port)
    settings["trunks"]["callers"]["sources"] = []
    settings["users"] = {"alice": {"password": "wonderland"}}
    settings["routes"] = [{"from": "phones", "called": ECHO_NUMBER, "to": "callee"}]
    return start_pinhole(redis_url=redis_server.url, settings=settings)


def command(system: Pinhole, *arguments: str) -> list[str | Path]:
    return [PINHOLE, "probe", "--json", "--config", system.directory / "pinhole.yaml", *arguments]


def test_a_number_behind_a_trunk_is_judged(system: Pinhole) -> None:
    good = subprocess.run(command(system, "--to", ECHO_NUMBER, "--seconds", "2"), capture_output=True, timeout=60)
    facts = json.loads(good.stdout)
    assert (good.returncode, facts["ok"], facts["problem"]) == (0, True, ""), facts
    (leg,) = facts["legs"]
    assert (leg["name"], leg["hears"], leg["lost"]) == ("alice", ECHO_NUMBER, 0)
    assert leg["packets"] > 70
    assert leg["own_tone_s"] > 1  # it is an echo
    assert 0 < facts["setup_s"] < 5

    refused = subprocess.run(command(system, "--to", "404", "--seconds", "1"), capture_output=True, timeout=60)
    facts = json.loads(refused.stdout)
    assert (refused.returncode, facts["ok"], facts["legs"]) == (1, False, [])
    assert "404 Not Found" in facts["problem"]


def test_repeated_results_are_metrics_until_it_is_stopped(system: Pinhole, tmp_path: Path) -> None:
    port = free_port()
    arguments = ("--to", ECHO_NUMBER, "--seconds", "1", "--every", "1", "--metrics", str(port))
    with Process("probe", command(system, *arguments), directory=tmp_path) as probe:
        probe.start().wait_ready(("tcp", port))
        wait_for(lambda: scrape(port).value("pinhole_probe_calls_total", result="good") >= 2, 40, "two good calls")
        seen = scrape(port)
        assert seen.value("pinhole_probe_success") == 1
        assert seen.value("pinhole_probe_mos", listener="alice") > 4
        assert seen.value("pinhole_probe_setup_seconds") > 0
        probed = {name for name in named(rule["expr"] for rule in rules()) | named(queries()) if name.startswith(PROBE)}
        assert probed
        assert {name for name in probed if family_of(name) not in seen.families} == set()
        system.stop()
        wait_for(lambda: scrape(port).value("pinhole_probe_success") == 0, 40, "the failure is seen")
        seen = scrape(port)
        assert seen.value("pinhole_probe_calls_total", result="bad") >= 1
        assert seen.value("pinhole_probe_mos") == 0  # of a call that failed there is none
        probe.signal(signal.SIGTERM)
        assert probe.wait(20) == 1
    lines = [json.loads(line) for line in probe.log_path.read_text().splitlines()]
    assert [line["ok"] for line in lines[:2]] == [True, True]
    assert lines[-1]["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--metrics", "9582"), 2, "--every"),
        (("--every", "5", "--metrics", "nowhere"), 2, "needs a port"),
        (("--to", "sip:x@y"), 2, "no user and no number"),
        (("--from", "mallory"), 3, "there is no user 'mallory'"),
        ((), 3, "nobody to call"),
    ],
)
def test_wrong_usage_is_said(tmp_path: Path, arguments: tuple[str, ...], status: int, message: str) -> None:
    (tmp_path / "pinhole.yaml").write_text("users: {alice: {password: wonderland}}\nlisten: udp:127.0.0.1:5060\n")
    done = subprocess.run(
        [PINHOLE, "probe", "-c", "pinhole.yaml", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == status
    assert message in done.stderr
