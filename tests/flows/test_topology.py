"""Topology hiding: nothing of one side is seen on the other, in any byte of whole calls.

Each side writes names and addresses that nobody else uses into every header that may hold one. Media addresses in
c= lines are the parties' own where media goes past us; nothing else crosses.
"""

import re

import pytest

from b2bua.config import B2buaConfig
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response, parse
from tests.flows.ladder import ANSWER, HELD, OFFER, Ladder, config, relayed

SECRETS = {
    "a": ("10.1.1.", "a-inside.example", "a-tag", "a-call", "z9hG4bK-a", "AgentOfA", "alice", "2890844526", "X-Of-A"),
    "b": ("10.2.2.", "b-inside.example", "b-tag", "z9hG4bK-b", "AgentOfB", "robert", "77665544", "X-Of-B"),
}


def telling(side: str) -> list[tuple[str, str]]:
    """Headers that would give ``side`` away, and that no flow needs."""
    host = f"{side}-inside.example"
    number = 1 if side == "a" else 2
    return [
        ("Via", f"SIP/2.0/UDP 10.{number}.{number}.90:5060;branch=z9hG4bK-{side}-before"),
        ("Record-Route", f"<sip:10.{number}.{number}.{number};lr>"),
        ("User-Agent", f"AgentOf{side.upper()}"),
        ("Server", f"AgentOf{side.upper()}"),
        ("Organization", host),
        ("Warning", f'399 {host} "x"'),
        ("Call-Info", f"<http://{host}/>"),
        ("Alert-Info", f"<http://{host}/>"),
        ("Error-Info", f"<http://{host}/>"),
        ("Referred-By", f"<sip:x@{host}>"),
        ("History-Info", f"<sip:x@{host}>;index=1"),
        ("P-Asserted-Identity", f"<sip:+49301@{host};x=10.{number}.{number}.4>"),
        ("Diversion", f"<sip:+49302@{host}>;reason=busy;x={host}"),
        ("P-Preferred-Identity", f"<sip:+49303@{host}>"),
        ("Remote-Party-ID", f"<sip:+49304@{host}>"),
        ("P-Charging-Vector", f"icid-value=1;orig-ioi={host}"),
        ("P-Access-Network-Info", f"x;{host}"),
        ("Reply-To", f"<sip:x@{host}>"),
        ("Session-ID", f"AgentOf{side.upper()}"),
        ("Geolocation", f"<https://{host}/>"),
        ("Service-Route", f"<sip:{host};lr>"),
        ("Path", f"<sip:{host};lr>"),
        ("Authorization", f'Digest realm="{host}"'),
        (f"X-Of-{side.upper()}", host),
        ("Timestamp", "54"),
    ]


def of_b(sdp: bytes) -> bytes:
    """B's description, with an origin of its own."""
    return sdp.replace(b"bob", b"robert").replace(b"alice", b"robert").replace(b"2890844526 1 ", b"77665544 1 ")


class Recorder(Ladder):
    """Keeps every byte that each party is sent."""

    def __init__(self, settings: B2buaConfig) -> None:
        self.sent: dict[str, list[bytes]] = {}
        super().__init__(settings)

    def send(self, data: bytes, hop: Hop) -> None:
        """Keep it."""
        self.sent.setdefault(self.parties[hop.host, hop.port].name, []).append(data)
        super().send(data, hop)


def whole_call(ladder: Ladder) -> None:
    """Ringing, early media, answer, hold from both sides, INFO, UPDATE, late offer, BYE: telling headers everywhere."""
    a, b = ladder.a, ladder.b
    a.sends_invite("2000", OFFER, headers=telling("a"))
    a.hears(100)
    ladder.relay_works()
    offered = b.hears_request("INVITE")
    b.answers(offered, 180, headers=telling("b")[1:])
    a.hears(180)
    b.answers(offered, 183, of_b(ANSWER), headers=telling("b")[1:])
    ladder.relay_works()
    a.hears(183)
    b.answers(offered, 200, of_b(ANSWER), headers=telling("b")[1:])
    b.hears("ACK")
    ladder.relay_works()
    answered = a.hears_response(200)
    a.acks(answered)

    for method in ("INVITE", "UPDATE"):
        request = a.in_dialog(method, answered, HELD, headers=telling("a")[2:])
        a.sends(request)
        if method == "INVITE":
            a.hears(100)
        ladder.relay_works()
        b.answers(b.hears_request(method), 200, of_b(ANSWER), headers=telling("b")[2:])
        ladder.relay_works()
        answer = a.hears_response(200)
        if method == "INVITE":
            b.hears("ACK")
            a.acks(answer)
    for method in ("INFO", "MESSAGE"):
        b.sends(b.in_dialog(method, offered, b"5", content="text/plain", headers=telling("b")[2:]))
        a.answers(a.hears_request(method), 200, headers=telling("a")[2:])
        b.hears(200)

    b.sends(b.in_dialog("INVITE", offered, headers=telling("b")[2:]))
    b.hears(100)
    a.answers(a.hears_request("INVITE"), 200, OFFER, headers=telling("a")[2:])
    ladder.relay_works()
    late = b.hears_response(200)
    b.acks(late, of_b(ANSWER), dialog=offered)
    ladder.relay_works()
    a.hears("ACK")

    b.sends(b.in_dialog("INVITE", offered, of_b(HELD), headers=telling("b")[2:]))
    b.hears(100)
    ladder.relay_works()
    a.answers(a.hears_request("INVITE"), 488, headers=telling("a")[2:])
    a.hears("ACK")
    b.acks_failure(b.hears_response(488))

    a.sends(a.in_dialog("BYE", answered, headers=telling("a")[2:]))
    a.hears(200)
    b.answers(b.hears_request("BYE"), 200, headers=telling("b")[2:])
    ladder.relay_works()
    ladder.is_over()


def failed_calls(ladder: Ladder) -> None:
    """Refused, redirected, and given up."""
    a, b = ladder.a, ladder.b
    for status in (302, 407, 486, 488, 503, 603):
        a.sends_invite("2000", OFFER, headers=telling("a"))
        a.hears(100)
        ladder.relay_works()
        b.answers(b.hears_request("INVITE"), status, headers=telling("b")[1:])
        b.hears("ACK")
        ladder.relay_works()
        if ladder.c.heard:
            ladder.c.answers(ladder.c.hears_request("INVITE"), 480)
            ladder.c.hears("ACK")
            ladder.relay_works()
        failure = a.heard.popleft()
        assert isinstance(failure, Response)
        a.acks_failure(failure)
    invite = a.sends_invite("2000", OFFER, headers=telling("a"))
    a.hears(100)
    ladder.relay_works()
    offered = b.hears_request("INVITE")
    b.answers(offered, 180, headers=telling("b")[1:])
    a.hears(180)
    a.cancels(invite)
    a.hears(200)
    a.acks_failure(a.hears_response(487))
    b.is_cancelled(offered)
    ladder.relay_works()
    ladder.is_over()


def leaks(data: bytes, secrets: tuple[str, ...], *, media_passes: bool) -> list[str]:
    """The secrets that ``data`` gives away."""
    head, _, body = data.partition(b"\r\n\r\n")
    if media_passes:
        body = re.sub(rb"(?m)^(?:c=|m=|a=rtcp:)[^\r\n]*", b"", body)
    text = (head + b"\r\n\r\n" + body).decode("utf-8", "surrogateescape").lower()
    return [secret for secret in secrets if secret.lower() in text]


@pytest.mark.parametrize("flow", [whole_call, failed_calls])
@pytest.mark.parametrize("media_passes", [True, False])
def test_nothing_crosses(flow: object, media_passes: bool) -> None:
    ladder = Recorder(config() if media_passes else relayed())
    flow(ladder)  # type: ignore[operator]  # one of the two above
    assert ladder.sent["a"]
    assert ladder.sent["b"]
    for receiver, other in (("a", "b"), ("b", "a"), ("c", "a"), ("c", "b")):
        for data in ladder.sent.get(receiver, ()):
            found = leaks(data, SECRETS[other], media_passes=media_passes)
            assert not found, f"{receiver} is shown {found}:\n{data.decode()}"


def test_only_headers_that_are_meant_to_cross_do() -> None:
    """What B gets of A's INVITE: an explicit list, whatever A has written."""
    ladder = Recorder(config())
    kept = [("Subject", "lunch"), ("Priority", "urgent"), ("Privacy", "id"), ("X-Of-A", "1"), ("x-unknown", "2")]
    ladder.a.sends_invite("2000", OFFER, headers=[*telling("a"), *kept])
    message = parse(ladder.sent["b"][0])
    assert isinstance(message, Request)
    assert {name for name, _ in message.headers} == {
        "Via",
        "Max-Forwards",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Allow",
        "User-Agent",
        "Content-Type",
        "Subject",
        "Priority",
        "Privacy",
        "P-Asserted-Identity",
        "Diversion",
    }
    assert message.headers.get("P-Asserted-Identity") == "<sip:+49301@192.0.2.1>"
    assert message.headers.get("User-Agent") == "Pinhole"


def test_anonymous_caller_stays_anonymous() -> None:
    """RFC 3323: the address that stands for nobody is not replaced by ours."""
    ladder = Ladder()
    invite = ladder.a.request("INVITE", "sip:2000@192.0.2.1")
    invite.headers.set("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')
    ladder.a.sends(invite)
    assert ladder.b.hears_request("INVITE").from_.uri == "sip:anonymous@anonymous.invalid"
