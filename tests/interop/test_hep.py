"""The mirror of SIP messages, as others read it: sngrep takes the HEP packets apart, tshark the SIP in them."""

import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.monitoring import scrape
from tests.support.pinhole import CALLEE_ADDRESS, CALLER_ADDRESS, StartPinhole, trunks_settings
from tests.support.processes import Process, free_port, wait_for
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
CALLS = 3
FROM_CALLER, TO_CALLER = ["INVITE", "ACK", "BYE"], ["100", "180", "200", "200"]
FROM_CALLEE, TO_CALLEE = ["180", "200", "200"], ["INVITE", "ACK", "BYE"]

Message = tuple[str, str, str]
"""Source, destination, method or status."""


class CaptureServer:
    """sngrep, which writes what it unpacks into a capture file."""

    def __init__(self, directory: Path) -> None:
        for program in ("sngrep", "tshark"):
            if shutil.which(program) is None:
                pytest.skip(f"not installed: {program}")
        self.port = free_port()
        self._file = directory / "unpacked.pcap"
        command: list[str | Path] = ["sngrep", "-F", "-N", "-q", "-L", f"udp:127.0.0.1:{self.port}", "-O", self._file]
        self.process = Process("sngrep", command, directory=directory)
        self.process.start().wait_ready(("udp", self.port))

    def messages(self) -> list[Message]:
        """All that has come; ends the server."""
        self.process.signal(signal.SIGTERM)
        self.process.wait(5)
        fields = ["ip.src", "udp.srcport", "ip.dst", "udp.dstport", "sip.Method", "sip.Status-Code"]
        command = ["tshark", "-r", self._file, "-d", "udp.port==1-65535,sip", "-T", "fields"]
        for field in fields:
            command += ["-e", field]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        return [(f"{row[0]}:{row[1]}", f"{row[2]}:{row[3]}", row[4] or row[5]) for row in rows]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_every_message_is_mirrored_with_its_addresses(
    transport: str, sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole, tmp_path: Path
) -> None:
    server = CaptureServer(tmp_path / "capture")
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS, transport=transport)
    settings = trunks_settings(callee.port, transport=transport.lower(), media="bypass")
    settings["hep"] = {"server": f"127.0.0.1:{server.port}"}
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings, command="b2bua")
    caller = sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=CALLS, rate=1, transport=transport)
    caller.assert_all_successful(CALLS)

    wait_for(lambda: scrape(pinhole.monitoring["b2bua"]).value("pinhole_calls") == 0, 5, "the calls are over")
    seen = scrape(pinhole.monitoring["b2bua"])
    messages = server.messages()
    a, b = f"{CALLER_ADDRESS}:{caller.port}", f"{CALLEE_ADDRESS}:{callee.port}"
    expected: Counter[Message] = Counter()
    for source, target, kinds in (
        (a, pinhole.target, FROM_CALLER),
        (pinhole.target, a, TO_CALLER),
        (b, pinhole.target, FROM_CALLEE),
        (pinhole.target, b, TO_CALLEE),
    ):
        expected.update({(source, target, kind): CALLS * count for kind, count in Counter(kinds).items()})
    assert Counter(messages) == expected
    assert seen.value("pinhole_hep_copies_total", outcome="sent") == len(messages)
    assert seen.value("pinhole_hep_copies_total", outcome="dropped") == 0


def test_a_capture_server_that_is_away_costs_no_call(
    sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    settings = trunks_settings(callee.port, media="bypass")
    settings["hep"] = {"server": f"127.0.0.1:{free_port()}"}
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings, command="b2bua")
    sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=CALLS).assert_all_successful(CALLS)
    seen = scrape(pinhole.monitoring["b2bua"])
    assert seen.value("pinhole_hep_copies_total", outcome="dropped") > 0
