"""A transaction layer on an injected clock, with a user that writes down what it is told."""

from itertools import count

from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request, Response, parse
from b2bua.sip.responses import response_to
from b2bua.sip.timers import TimerWheel
from b2bua.sip.transaction import ClientTransaction, ServerTransaction, TimerSettings, TransactionLayer

UDP_PEER = Hop("UDP", "192.0.2.1", 5060, 0, "lan")
TCP_PEER = Hop("TCP", "192.0.2.1", 40000, 7, "lan-tcp")


class Diary:
    """A TransactionUser that keeps every event as (name, main argument, ...)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object, object]] = []

    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    def on_request(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        self.events.append(("request", request, transaction))

    def on_ack(self, request: Request, source: Hop) -> None:
        self.events.append(("ack", request, source))

    def on_cancel(self, request: Request, invite: ServerTransaction, cancel: ServerTransaction) -> None:
        self.events.append(("cancel", invite, cancel))

    def on_response(self, response: Response, transaction: ClientTransaction) -> None:
        self.events.append(("response", response, transaction))

    def on_stray_response(self, response: Response, source: Hop) -> None:
        self.events.append(("stray", response, source))

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self.events.append(("timeout", transaction, None))

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        self.events.append(("transport error", transaction, None))

    def on_ack_timeout(self, transaction: ServerTransaction) -> None:
        self.events.append(("ack timeout", transaction, None))


class Bench:
    """One layer with its clock, its diary, and what it has sent as (seconds since the start, bytes, hop)."""

    def __init__(self, settings: TimerSettings | None = None) -> None:
        self.start = self.now = 1000.0
        self.wheel = TimerWheel(self.now)
        self.diary = Diary()
        self.sent: list[tuple[float, bytes, Hop]] = []
        self._branches = (f"b{n}" for n in count())
        self.layer = TransactionLayer(
            self.diary,
            lambda data, hop: self.sent.append((self.wheel.now - self.start, data, hop)),
            self.wheel,
            lambda: next(self._branches),
            settings or TimerSettings(),
            lambda hop: ("198.51.100.9", 5060),
        )

    def advance(self, seconds: float) -> None:
        """Let time pass; every timer fires at its own time."""
        until = self.now + seconds
        while (deadline := self.wheel.next_deadline()) is not None and deadline <= until:
            self.wheel.advance(deadline)
        self.now = until
        self.wheel.advance(until)

    def receive(self, message: bytes | Request | Response, source: Hop = UDP_PEER) -> None:
        self.layer.receive(message if isinstance(message, bytes) else message.to_bytes(), source, self.now)

    def take(self) -> list[Request | Response]:
        """What was sent since the last call, read back."""
        messages = [parse(data) for _, data, _ in self.sent]
        self.sent.clear()
        return messages

    def send_times(self) -> list[float]:
        """When something was sent since the last `take`, to the tenth of a second."""
        return [round(at, 1) for at, _, _ in self.sent]

    def begin(self, method: str = "INVITE", *, hop: Hop = UDP_PEER, to_tag: str = "") -> ServerTransaction:
        """Receive a new request; its server transaction."""
        self.receive(request(method, to_tag=to_tag), hop)
        transaction = self.diary.events[-1][2]
        assert isinstance(transaction, ServerTransaction)
        return transaction

    def respond(self, transaction: ServerTransaction, status: int) -> None:
        self.layer.respond(transaction, response_to(transaction.request, status, to_tag="us"))


def request(
    method: str,
    *,
    branch: str = "z9hG4bKpeer",
    sent_by: str = "192.0.2.1",
    call_id: str = "call1",
    cseq: int = 1,
    from_tag: str = "them",
    to_tag: str = "",
    via_params: str = "",
    transport: str = "UDP",
    via: str | None = None,
) -> Request:
    """A request of the peer's."""
    via = via or f"SIP/2.0/{transport} {sent_by};branch={branch}{via_params}"
    return Request(
        method,
        "sip:us@198.51.100.9",
        Headers(
            [
                ("Via", via),
                ("Max-Forwards", "70"),
                ("From", f"<sip:them@192.0.2.1>;tag={from_tag}"),
                ("To", "<sip:us@198.51.100.9>" + (f";tag={to_tag}" if to_tag else "")),
                ("Call-ID", call_id),
                ("CSeq", f"{cseq} {method}"),
            ]
        ),
    )


def our_request(method: str = "INVITE", *, cseq: int = 1) -> Request:
    """A request that we send: no Via yet."""
    return Request(
        method,
        "sip:them@192.0.2.1",
        Headers(
            [
                ("Max-Forwards", "70"),
                ("Route", "<sip:proxy.example;lr>"),
                ("From", "<sip:us@198.51.100.9>;tag=us"),
                ("To", "<sip:them@192.0.2.1>"),
                ("Call-ID", "ours"),
                ("CSeq", f"{cseq} {method}"),
            ]
        ),
    )


def answer(sent: Request, status: int, to_tag: str = "them") -> Response:
    """The peer's response to what we sent."""
    return response_to(sent, status, to_tag=to_tag)
