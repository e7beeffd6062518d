"""Our relay beside rtpengine: the same offers and answers to both, and the same descriptions from both.

What differs on purpose is in ``differences``, each with its reason.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from media_relay.config import Interface
from tests.interop.ng_oracle.differences import DIFFERENCES, OUTCOMES
from tests.interop.ng_oracle.generator import Scenario, Step, scenarios
from tests.interop.ng_oracle.normal_form import Form, PortNames, form_of
from tests.support.ng import NgError, NgPeer
from tests.support.processes import Process, free_port
from tests.support.rtpengine import Rtpengine

pytestmark = pytest.mark.peers

SEED = 20261123
WALKS = 120
LEAST_STEPS = 500
INTERFACES = (Interface("pub", "127.0.0.1"), Interface("priv", "127.0.0.2"), Interface("pub", "::1"))
PROGRAM = """
import json, sys
from media_relay.config import Interface, RelayConfig
from media_relay.daemon import main

fields = json.loads(sys.argv[1])
main(RelayConfig(**{**fields, "interfaces": tuple(Interface(**each) for each in fields["interfaces"])}))
"""


class Oracle:
    """Both relays, and which differences were seen."""

    def __init__(self, theirs: NgPeer, ours: NgPeer) -> None:
        self._theirs = theirs
        self._ours = ours
        self.steps = 0
        self.seen: Counter[str] = Counter()

    def run(self, number: int, scenario: Scenario) -> list[str]:
        """What differs in a scenario without a reason."""
        ports = PortNames(), PortNames()
        complaints: list[str] = []
        offered = {"sdp": ""}, {"sdp": ""}
        for position, step in enumerate(scenario.steps):
            self.steps += 1
            fields = {"call_id": f"oracle-{number}", "command": step.command, **step.fields}
            replies = (
                _ask(self._theirs, _with_key_for(fields, offered[0])),
                _ask(self._ours, _with_key_for(fields, offered[1])),
            )
            if step.command == "offer":
                offered = replies
            results = [reply["result"] for reply in replies]
            if results[0] != results[1]:
                reason = next((why for why, names in OUTCOMES.items() if any(n in scenario.name for n in names)), None)
                if reason is None:
                    complaints.append(f"{scenario.name}, step {position + 1}: {replies}")
                self.seen[reason or ""] += 1
                break  # from here on they are in different states
            if step.command != "delete" and results[0] == "ok":
                forms = [form_of(reply["sdp"], names) for reply, names in zip(replies, ports, strict=True)]
                complaints += [
                    f"{scenario.name}, step {position + 1} ({step.command}): {what}"
                    for what in self._compare(forms[0], forms[1], step)
                ]
        for peer in (self._theirs, self._ours):
            _ask(peer, {"command": "delete", "call_id": f"oracle-{number}", "delete_delay": 0})
        return complaints

    def _compare(self, theirs: Form, ours: Form, step: Step) -> Iterator[str]:
        for difference in DIFFERENCES:
            if theirs == ours:
                return
            self.seen[difference.name] += difference.apply(theirs, ours, step)
        yield from _unequal("session", asdict(theirs), asdict(ours))


def _unequal(where: str, theirs: Any, ours: Any) -> Iterator[str]:
    """The smallest parts that are not equal."""
    if isinstance(theirs, dict):
        for name in theirs:
            yield from _unequal(f"{where}.{name}", theirs[name], ours[name])
    elif isinstance(theirs, list) and len(theirs) == len(ours) and theirs and isinstance(theirs[0], dict):
        for index, pair in enumerate(zip(theirs, ours, strict=True)):
            yield from _unequal(f"{where}[{index}]", *pair)
    elif theirs != ours:
        yield f"{where} is {theirs} there and {ours} here"


def _with_key_for(fields: dict[str, Any], offered: dict[str, Any]) -> dict[str, Any]:
    """An answer whose key has the tag under which its suite was offered (RFC 4568 5.1.2); anything else as it is."""
    if fields["command"] != "answer" or b"a=crypto:" not in fields["sdp"]:
        return fields
    tags = {suite.encode(): tag.encode() for tag, suite in re.findall(r"a=crypto:(\d+) (\S+)", offered.get("sdp", ""))}
    sdp = re.sub(
        rb"a=crypto:\d+ (\S+)", lambda found: b"a=crypto:%b %b" % (tags.get(found[1], b"1"), found[1]), fields["sdp"]
    )
    return {**fields, "sdp": sdp}


def _ask(peer: NgPeer, fields: dict[str, Any]) -> dict[str, Any]:
    try:
        return peer.request(**fields)
    except NgError as error:
        return {"result": "error", "error-reason": str(error)}


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Oracle]:
    addresses = [(each.name, each.address) for each in INTERFACES]
    theirs = Rtpengine(tmp_path, addresses, ng_port=free_port(), ports=range(47_000, 49_000)).start()
    fields = {
        "node": "oracle",
        "ng_host": "127.0.0.1",
        "ng_port": free_port(),
        "interfaces": [asdict(each) for each in INTERFACES],
        "port_min": 45_000,
        "port_max": 46_999,
        "quarantine_s": 0.0,
        "forwarding": "userspace",
    }
    root = str(Path(__file__).parents[3])
    ours = Process(
        "relay",
        [sys.executable, "-c", PROGRAM, json.dumps(fields)],
        directory=tmp_path,
        environment={"PYTHONPATH": root},
    )
    ours.start().wait_ready(("udp", fields["ng_port"]))
    peers = NgPeer(("127.0.0.1", theirs.ng_port)), NgPeer(("127.0.0.1", fields["ng_port"]))
    yield Oracle(*peers)
    for peer in peers:
        peer.close()
    ours.stop()
    theirs.process.stop()


def test_our_descriptions_are_rtpengines(oracle: Oracle) -> None:
    complaints = []
    for number, scenario in enumerate(scenarios(SEED, WALKS)):
        complaints += oracle.run(number, scenario)
    assert not complaints, f"{len(complaints)} differences without a reason:\n" + "\n".join(complaints)
    listed = {difference.name for difference in DIFFERENCES} | OUTCOMES.keys()
    assert {name for name, times in oracle.seen.items() if times} == listed, "a difference that is no more"
    assert oracle.steps >= LEAST_STEPS
    print(f"{oracle.steps} steps; differences by their uses: {dict(oracle.seen)}")


def test_the_page_for_readers_lists_the_same_differences() -> None:
    page = (Path(__file__).parents[3] / "docs" / "instead-of-rtpengine.md").read_text()
    listed = [(difference.name, difference.reason) for difference in DIFFERENCES]
    listed += [("another outcome", reason) for reason in OUTCOMES]
    missing = [name for name, reason in listed if f"| {name} | {reason} |" not in page]
    assert not missing
