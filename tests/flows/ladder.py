"""Call flows as ladders: parties that say and hear SIP messages around one engine, on a clock of their own.

A test reads like the ladder diagram of an RFC::

    a, b = ladder.a, ladder.b
    invite = a.sends_invite("2000")
    a.hears(100)
    offered = b.hears("INVITE")
    b.answers(offered, 200, sdp=ANSWER)
    ...

Nothing sleeps: ``ladder.passes(seconds)`` moves the clock and fires what is due. ``ladder.hears_nothing_more()`` at the
end says that nobody was sent a message that the test has not looked at.
"""

import re
from collections import deque
from collections.abc import Iterable
from ipaddress import ip_network
from itertools import count

from b2bua.call.call import Call
from b2bua.call.engine import Engine
from b2bua.call.shell import LadderEntry
from b2bua.config import B2buaConfig, Listener, Media, Route, Trunk, TrunkHost, User
from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request, Response, parse
from b2bua.sip.responses import response_to
from media_relay.ng.bencode import Decoded, Encodable, decode, encode
from media_relay.ng.messages import NgError
from media_relay.ng.parsing import parse_request
from tests.media_relay.harness import RelayBench

OFFER = (
    b"v=0\r\no=alice 2890844526 1 IN IP4 10.1.1.1\r\ns=-\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\n"
    b"m=audio 49172 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
ANSWER = OFFER.replace(b"10.1.1.1", b"10.2.2.2").replace(b"alice", b"bob").replace(b"49172", b"3456")
HELD = OFFER + b"a=sendonly\r\n"

NODE = Hop("UDP", "192.0.2.1", 5060, 0, "udp")


def config(**changes: object) -> B2buaConfig:
    """Two trunks, ``left`` (party a) and ``right`` (party b, then c), and phones alice and bob."""
    values: dict[str, object] = {
        "node": "n1",
        "listeners": (
            Listener("udp", "UDP", "192.0.2.1", 5060, "192.0.2.1", 5060),
            Listener("tcp", "TCP", "192.0.2.1", 5060, "192.0.2.1", 5060),
        ),
        "trunks": {
            "left": trunk("left", "10.1.1.1"),
            "right": trunk("right", "10.2.2.2"),
            "spare": trunk("spare", "10.3.3.3"),
        },
        "routes": (
            Route(re.compile(r"[12]\d{3}"), ("right", "spare"), source="left"),
            Route(re.compile(r"alice|bob"), ("phones",)),
            Route(re.compile(r"9(\d+)"), ("left",), rewrite=r"+49\1"),
        ),
        "users": {"alice": User("alice", "wonderland"), "bob": User("bob", "builder")},
    }
    return B2buaConfig(**(values | changes))  # type: ignore[arg-type]  # keyword arguments of many types


def trunk(name: str, host: str, *, media: Media = Media.BYPASS, **more: object) -> Trunk:
    """A trunk with one UDP host, which is also its only source."""
    return Trunk(name, (TrunkHost(host, 5060, "UDP"),), (ip_network(host),), media=media, **more)  # type: ignore[arg-type]  # keyword arguments of many types


def relayed(**changes: object) -> B2buaConfig:
    """The same with every trunk's media through the relay."""
    trunks = {"left": "10.1.1.1", "right": "10.2.2.2", "spare": "10.3.3.3"}
    values: dict[str, object] = {
        "relay": "192.0.2.9:2223",
        "trunks": {name: trunk(name, host, media=Media.RELAY) for name, host in trunks.items()},
    }
    return config(**(values | changes))


class Party:
    """A user agent at one address: says what the test tells it to, and keeps what it hears."""

    def __init__(self, ladder: "Ladder", name: str, host: str, port: int = 5060, transport: str = "UDP") -> None:
        self.ladder = ladder
        self.name = name
        self.hop = Hop(transport, host, port, 0 if transport == "UDP" else 7, transport.lower())
        self.heard: deque[Request | Response] = deque()
        self.hops: list[Hop] = []
        """Where each message that was heard had been sent to."""
        self._numbers = count(1)
        self.cseq = 0
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{shown}:{port}"
        """Where it says it is; another one than its hop behind a NAT."""
        self.domain = shown
        self.contact = f"<sip:{name}@{self.address}>"
        self.rport = False
        """Whether it asks for responses to the port that it sends from (RFC 3581)."""

    # Saying

    def sends(self, message: Request | Response) -> None:
        """Put one message on the wire."""
        self.ladder.said.append(f"{self.ladder.now:8.2f} <- {self.name}: {message.to_bytes().splitlines()[0].decode()}")
        self.ladder.engine.receive(message.to_bytes(), self.hop, self.ladder.now)

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str = "",
        call_id: str = "",
        headers: Iterable[tuple[str, str]] = (),
        **more: str,
    ) -> Request:
        """A request outside a dialog; ``more``: from_user, tag."""
        self.cseq += 1
        number = next(self._numbers)
        user = more.get("from_user", self.name)
        lines = [
            self._via(number),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{user}@{self.domain}>;tag={more.get('tag', f'{self.name}-tag-{number}')}"),
            ("To", to or f"<{uri}>"),
            ("Call-ID", call_id or f"{self.name}-call-{number}@{self.domain}"),
            ("CSeq", f"{self.cseq} {method}"),
            ("Contact", self.contact),
        ]
        return Request(method, uri, Headers([*lines, *headers]))

    def sends_invite(self, called: str, sdp: bytes = OFFER, headers: Iterable[tuple[str, str]] = ()) -> Request:
        """A new call."""
        invite = self.request("INVITE", f"sip:{called}@192.0.2.1", headers=headers)
        if sdp:
            invite.headers.add("Content-Type", "application/sdp")
            invite.body = sdp
        self.sends(invite)
        return invite

    def _via(self, number: int) -> tuple[str, str]:
        rport = ";rport" if self.rport else ""
        return "Via", f"SIP/2.0/{self.hop.transport} {self.address}{rport};branch=z9hG4bK-{self.name}-{number}"

    def in_dialog(
        self,
        method: str,
        of: Request | Response,
        sdp: bytes = b"",
        *,
        cseq: int | None = None,
        content: str = "application/sdp",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Request:
        """A request inside the dialog of ``of``: the 2xx that this party got, or the INVITE that it answered."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        ours, theirs = ("From", "To") if isinstance(of, Response) else ("To", "From")
        local = self.ladder.tags.get((self.name, of.call_id)) or of.headers.get(ours) or ""
        contact = of.contact
        assert contact is not None, "the peer has told no Contact"
        number = next(self._numbers)
        lines = [
            self._via(number),
            ("Max-Forwards", "70"),
            ("From", local),
            ("To", of.headers.get(theirs) or ""),
            ("Call-ID", of.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", self.contact),
        ]
        request = Request(method, contact.uri, Headers([*lines, *headers]), sdp)
        if sdp:
            request.headers.add("Content-Type", content)
        return request

    def acks(self, answer: Response, sdp: bytes = b"", dialog: Request | Response | None = None) -> Request:
        """Acknowledge a 2xx; ``dialog`` is the INVITE of the other side, where that began the dialog."""
        ack = self.in_dialog("ACK", dialog or answer, sdp, cseq=answer.cseq.number)
        self.sends(ack)
        return ack

    def hangs_up(self, of: Request | Response) -> None:
        """BYE, and its answer."""
        self.sends(self.in_dialog("BYE", of))
        self.hears(200)

    def is_hung_up(self) -> Request:
        """Hears BYE and answers it."""
        bye = self.hears_request("BYE")
        self.answers(bye, 200)
        return bye

    def acks_failure(self, failure: Response) -> None:
        """Acknowledge a 3xx to 6xx of an INVITE, by the branch of that (RFC 3261 17.1.1.3)."""
        kept = [item for item in failure.headers if item[0] in ("Via", "From", "To", "Call-ID")]
        headers = Headers([*kept, ("CSeq", f"{failure.cseq.number} ACK")])
        self.sends(Request("ACK", "sip:whoever@192.0.2.1", headers))

    def is_cancelled(self, invite: Request) -> Request:
        """Hears CANCEL, answers it, and gives ``invite`` up."""
        cancel = self.hears_request("CANCEL")
        self.answers(cancel, 200)
        self.answers(invite, 487)
        self.hears("ACK")
        return cancel

    def cancels(self, invite: Request, headers: Iterable[tuple[str, str]] = ()) -> Request:
        """Give an INVITE up."""
        kept = [
            (name, value) for name, value in invite.headers if name in ("Via", "From", "To", "Call-ID", "Max-Forwards")
        ]
        cancel = Request("CANCEL", invite.uri, Headers([*kept, ("CSeq", f"{invite.cseq.number} CANCEL"), *headers]))
        self.sends(cancel)
        return cancel

    def answers(
        self,
        request: Request,
        status: int,
        sdp: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        *,
        tag: str = "",
    ) -> Response:
        """Answer what was heard."""
        lines = [("Contact", self.contact)] if self.contact else []
        lines += headers
        if sdp:
            lines.append(("Content-Type", "application/sdp"))
        response = response_to(request, status, to_tag=tag or f"{self.name}-tag", headers=lines, body=sdp)
        if not tag and status > 100:
            self.ladder.tags[(self.name, request.call_id)] = response.headers.get("To") or ""
        self.sends(response)
        return response

    # Hearing

    def hears(self, what: str | int) -> "Request | Response":
        """The next message that this party was sent: a request of that method, or a response of that status."""
        assert self.heard, f"{self.name} hears nothing, though {what} is due; ladder:\n{self.ladder}"
        message = self.heard.popleft()
        assert kind(message) == what, f"{self.name} hears {kind(message)} instead of {what}; ladder:\n{self.ladder}"
        return message

    def hears_request(self, method: str) -> Request:
        """As `hears`, for a request."""
        message = self.hears(method)
        assert isinstance(message, Request)
        return message

    def hears_response(self, status: int) -> Response:
        """As `hears`, for a response."""
        message = self.hears(status)
        assert isinstance(message, Response)
        return message


class Ladder:
    """An engine, the parties round it, and a clock. It is the engine's shell."""

    def __init__(self, settings: B2buaConfig | None = None) -> None:
        self.now = 1000.0
        self.said: list[str] = []
        self.entries: dict[str, list[LadderEntry]] = {}
        self.records: list[Call] = []
        self.relay_commands: deque[tuple[int, dict[str, Encodable]]] = deque()
        self.tags: dict[tuple[str, str], str] = {}
        ids = (f"{number:04x}cafe" for number in count(1))
        self.engine = Engine(settings or config(), self, lambda: next(ids), b"secret", now=self.now, wall=1.7e9)
        self.real_relay = RelayBench()
        self.unreachable: set[str] = set()
        """Hosts that nothing can be sent to."""
        self._unsent: list[tuple[bytes, Hop]] = []
        self.parties: dict[tuple[str, int], Party] = {}
        self.a = self.party("a", "10.1.1.1")
        self.b = self.party("b", "10.2.2.2")
        self.c = self.party("c", "10.3.3.3")

    def party(self, name: str, host: str, port: int = 5060, transport: str = "UDP") -> Party:
        """One more user agent."""
        party = Party(self, name, host, port, transport)
        self.parties[host, port] = party
        return party

    def passes(self, seconds: float) -> None:
        """Let time pass; every timer fires at its moment."""
        end = self.now + seconds
        while (due := self.engine.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.engine.advance(self.now)
        self.now = end
        self.engine.advance(end)

    def relay_is_asked(self, command: str) -> dict[str, Encodable]:
        """The next command to the relay; it is answered by `relay_says`."""
        assert self.relay_commands, f"the relay is asked nothing, though {command} is due"
        asked = self.relay_commands[0][1]
        assert asked["command"] == command, f"the relay is asked {asked['command']!r} instead of {command!r}"
        return asked

    def relay_says(self, sdp: bytes = b"", error: str = "") -> None:
        """Answer the oldest command."""
        operation, _ = self.relay_commands.popleft()
        reply: dict[str, Decoded] = (
            {"result": b"error", "error-reason": error.encode()} if error else {"result": b"ok", "sdp": sdp}
        )
        self.engine.relay_replied(operation, reply, self.now)

    def relay_is_silent(self) -> None:
        """The oldest command times out."""
        operation, _ = self.relay_commands.popleft()
        self.engine.relay_replied(operation, None, self.now)

    def relay_works(self) -> None:
        """The real relay answers all that it is asked."""
        relay = self.real_relay.relay
        while self.relay_commands:
            operation, command = self.relay_commands.popleft()
            asked = decode(encode(command))
            assert isinstance(asked, dict)
            try:
                reply = relay.handle(parse_request(asked), self.now)
            except NgError as error:
                reply = {"result": "error", "error-reason": str(error)}
            decoded = decode(encode(reply))
            assert isinstance(decoded, dict)
            self.engine.relay_replied(operation, decoded, self.now)

    def transport_fails(self) -> None:
        """What could not be sent is reported, as the transport does later."""
        unsent, self._unsent = self._unsent, []
        for data, hop in unsent:
            self.engine.transport_failed(data, hop, self.now)

    def connects(self, called: str = "2000", offer: bytes = OFFER, answer: bytes = ANSWER) -> tuple[Response, Request]:
        """A plain call from a to b, bypassing the relay: what a got, 200, and what b got, INVITE."""
        self.a.sends_invite(called, offer)
        self.a.hears(100)
        offered = self.b.hears_request("INVITE")
        self.b.answers(offered, 200, answer)
        self.b.hears("ACK")
        answered = self.a.hears_response(200)
        self.a.acks(answered)
        return answered, offered

    @property
    def calls(self) -> list[Call]:
        """The calls that are on."""
        return list(self.engine.core.calls.values())

    def hears_nothing_more(self) -> None:
        """Every message was looked at."""
        rest = {party.name: [kind(each) for each in party.heard] for party in self.parties.values() if party.heard}
        assert not rest, f"not looked at: {rest}; ladder:\n{self}"

    def is_over(self) -> None:
        """Nobody hears anything more, and no call, leg or transaction is left behind."""
        self.hears_nothing_more()
        self.passes(102)
        self.hears_nothing_more()
        self.leaves_nothing()

    def leaves_nothing(self) -> None:
        """No call, leg, transaction, timer or admitted call is there any more."""
        core = self.engine.core
        assert core.calls == {}, f"calls left; ladder:\n{self}"
        assert core.legs == {}, f"legs left; ladder:\n{self}"
        assert core.transactions.live == (0, 0), f"transactions left; ladder:\n{self}"
        assert core.admission.active_calls == 0, "admitted calls left"
        for name in (*core.config.trunks, "phones"):
            assert core.admission.load(name) == (0, 0), f"admitted calls of {name} left"
        assert self.engine.next_deadline() is None, "timers left"
        assert self.real_relay.relay.calls == {}, "relayed calls left"

    def __str__(self) -> str:
        return "\n".join(self.said)

    # Shell

    def send(self, data: bytes, hop: Hop) -> None:
        """What the engine says arrives at once."""
        message = parse(data)
        party = self.parties[hop.host, hop.port]
        self.said.append(f"{self.now:8.2f} -> {party.name}: {data.splitlines()[0].decode(errors='replace')}")
        if hop.host in self.unreachable:
            self._unsent.append((data, hop))
        else:
            party.heard.append(message)
            party.hops.append(hop)

    def relay(self, operation: int, command: dict[str, Encodable]) -> None:
        """Keep the command until the test answers it."""
        self.relay_commands.append((operation, command))

    def call_changed(self, call: Call) -> None:
        """Not looked at here."""

    def ladder(self, call_id: str, entry: LadderEntry) -> None:
        """Keep the entry."""
        self.entries.setdefault(call_id, []).append(entry)

    def call_ended(self, call: Call) -> None:
        """Keep the call."""
        self.records.append(call)

    def registration_changed(self, user: str) -> None:
        """Not looked at here."""


def kind(message: Request | Response) -> str | int:
    """The method of a request, the status of a response."""
    return message.method if isinstance(message, Request) else message.status
