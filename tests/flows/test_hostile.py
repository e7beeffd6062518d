"""Whatever arrives: the engine never raises, and a call that is on beside it does not notice."""

import random
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response, parse
from tests.flows.ladder import ANSWER, OFFER, Ladder

STRANGER = Hop("UDP", "10.66.66.66", 5060, 0, "udp")


class OpenLadder(Ladder):
    """Lets the engine send to anybody, and keeps every message that went either way."""

    def __init__(self) -> None:
        self.wire: list[bytes] = []
        super().__init__()

    def send(self, data: bytes, hop: Hop) -> None:
        """Known parties hear it."""
        self.wire.append(data)
        if (hop.host, hop.port) in self.parties:
            super().send(data, hop)
        else:
            parse(data)


def call_goes_on(ladder: Ladder, answered: Response) -> None:
    """The call that is on beside all that can be used and ended."""
    for party in ladder.parties.values():
        party.heard.clear()
    ladder.a.sends(ladder.a.in_dialog("INFO", answered, cseq=ladder.a.cseq + 100))
    ladder.b.answers(ladder.b.hears_request("INFO"), 200)
    ladder.a.hears(200)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300), trusted=st.booleans())
@example(data=b"", trusted=True)
@example(data=b"\r\n\r\n", trusted=True)
@example(data=b"\0" * 100, trusted=False)
def test_bytes(data: bytes, trusted: bool) -> None:
    ladder = OpenLadder()
    answered, _ = ladder.connects()
    ladder.engine.receive(data, ladder.a.hop if trusted else STRANGER, ladder.now)
    call_goes_on(ladder, answered)


SPOILT_VALUES = [
    "",
    "x",
    "*",
    "<>",
    "<sip:>",
    "<sip:@>",
    "<sip:[::1>",
    "<tel:>",
    "<sips:x@y>",
    "<sip:x@y:99999>",
    "<sip:x@[::1]:5060;transport=tcp;lr>",
    "<sip:x@10.2.2.2;transport=tls>",
    "<sip:x@10.2.2.2;maddr=10.3.3.3>",
    '"',
    '"unfinished <sip:x@y>',
    "sip:x@y;tag=",
    "<sip:x@y>;tag=a;tag=b",
    "0",
    "-1",
    "2147483648 INVITE",
    "1 BYE",
    "99999999999999999999",
    "application/sdp;x=",
    "multipart/mixed",
    "Digest",
    'Digest realm="x", nonce="y"',
    "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK",
    "SIP/2.0/UDP [::1]:0;rport=x",
    "\udcff\udcfe",
    "a" * 5000,
]
NAMES = (
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Max-Forwards",
    "Record-Route",
    "Route",
    "Content-Type",
    "Content-Encoding",
    "Require",
    "Proxy-Require",
    "Reason",
    "Expires",
    "Proxy-Authorization",
    "Authorization",
    "WWW-Authenticate",
    "P-Asserted-Identity",
    "Diversion",
    "Content-Length",
    "Retry-After",
    "X-Unknown",
)
SPOILT_BODIES = [b"", b"v=0", b"\0\xff", OFFER[:60], OFFER + b"m=\r\n", OFFER.replace(b"o=", b"x="), OFFER * 3]


def spoil(message: bytes, seed: random.Random) -> bytes:
    """A message with one to three things wrong, most of them still parseable."""
    for _ in range(seed.randint(1, 3)):
        choice = seed.random()
        head, _, body = message.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if choice < 0.15 and len(message) > 1:
            at = seed.randrange(len(message))
            message = message[:at] + bytes([seed.randrange(256)]) + message[at + seed.randint(0, 3) :]
            continue
        if choice < 0.3:
            lines.insert(
                seed.randint(1, len(lines)),
                f"{seed.choice(NAMES)}: {seed.choice(SPOILT_VALUES)}".encode(errors="surrogateescape"),
            )
        elif choice < 0.4 and len(lines) > 2:
            del lines[seed.randrange(1, len(lines))]
        elif choice < 0.85 and len(lines) > 2:
            at = seed.randrange(1, len(lines))
            name = lines[at].partition(b":")[0]
            lines[at] = name + b": " + seed.choice(SPOILT_VALUES).encode(errors="surrogateescape")
        else:
            body = seed.choice(SPOILT_BODIES)
            lines = [line for line in lines if not line.lower().startswith(b"content-length")]
        message = b"\r\n".join(lines) + b"\r\n\r\n" + body
    return message


def fresh(message: bytes, number: int) -> bytes:
    """As another transaction of the same party."""
    return re.sub(rb"(branch=z9hG4bK-)", b"branch=z9hG4bK-%d-" % number, message)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_spoilt_requests(seed: int) -> None:
    """Requests of a caller and of the callee, spoilt."""
    rng = random.Random(seed)
    ladder = OpenLadder()
    _, offered = ladder.connects()
    invite = ladder.c.request("INVITE", "sip:9123@192.0.2.1")
    invite.headers.add("Content-Type", "application/sdp")
    invite.body = OFFER
    originals = [
        (invite.to_bytes(), ladder.c.hop),
        (ladder.c.request("OPTIONS", "sip:192.0.2.1").to_bytes(), ladder.c.hop),
        (ladder.c.request("REGISTER", "sip:192.0.2.1", to="<sip:bob@192.0.2.1>").to_bytes(), STRANGER),
        (ladder.b.in_dialog("INVITE", offered, OFFER).to_bytes(), ladder.b.hop),
        (ladder.b.in_dialog("UPDATE", offered, OFFER).to_bytes(), ladder.b.hop),
        (ladder.b.in_dialog("INFO", offered, b"x").to_bytes(), ladder.b.hop),
        (ladder.b.in_dialog("ACK", offered, OFFER).to_bytes(), ladder.b.hop),
    ]
    for number in range(10):
        data, hop = rng.choice(originals)
        ladder.engine.receive(fresh(spoil(data, rng), number), hop, ladder.now)
    ladder.passes(300)
    for call in ladder.calls:
        ladder.engine.hang_up(call.id, ladder.now)
    ladder.passes(200)
    ladder.leaves_nothing()


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_spoilt_responses(seed: int) -> None:
    """B answers everything in a way that is wrong somewhere; in the end nothing is left, and A knows."""
    rng = random.Random(seed)
    ladder = OpenLadder()
    invite = ladder.a.sends_invite("2000", OFFER if rng.random() < 0.7 else b"")
    status = rng.choice((100, 180, 183, 200, 200, 200, 302, 401, 407, 486, 500, 603))
    while ladder.b.heard:
        request = ladder.b.heard.popleft()
        if not isinstance(request, Request) or request.method == "ACK":
            continue
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in request.headers if name in ("Via", "From", "Call-ID", "CSeq")
        )
        answer = (
            f"SIP/2.0 {status} X\r\n{lines}To: {request.headers.get('To')};tag=b\r\n"
            "Contact: <sip:b@10.2.2.2>\r\nContent-Type: application/sdp\r\nWWW-Authenticate: Digest realm=x\r\n\r\n"
        ).encode() + ANSWER
        ladder.engine.receive(spoil(answer, rng), ladder.b.hop, ladder.now)
        status = rng.choice((200, 481, 500))
        if len(ladder.wire) > 200:
            break
    ladder.passes(3)
    if ladder.calls and ladder.calls[0].state.value in ("trying", "ringing"):
        ladder.a.cancels(invite)
    elif ladder.calls:
        ladder.engine.hang_up(ladder.calls[0].id, ladder.now)
    ladder.passes(200)
    assert any(isinstance(each, Response) and each.status >= 200 for each in ladder.a.heard)
    ladder.leaves_nothing()


def test_every_message_of_a_call_cut_short() -> None:
    """Prefixes of all that was said."""
    ladder = OpenLadder()
    answered, _ = ladder.connects()
    for data in list(ladder.wire):
        for end in range(0, len(data), 7):
            ladder.engine.receive(data[:end], ladder.b.hop, ladder.now)
    call_goes_on(ladder, answered)
