"""The client transaction: a request of ours until it is answered (RFC 3261 17.1, RFC 6026 7.2)."""

from collections.abc import Sequence
from math import inf

from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request, Response
from b2bua.sip.transaction.machinery import Machinery
from b2bua.sip.transaction.matching import client_key
from b2bua.sip.transaction.state import State

SWALLOW = b""
"""What a finished transaction remembers where a retransmission gets no answer."""

MAX_FORWARDS = "70"


class ClientTransaction:
    """One request that we sent. ``context`` is the user's own; ``hop`` is where the request went.

    After a 2xx an INVITE's transaction stays for 64*T1, so that late forks find their context: set ``context``
    to None where that is not wanted any more.
    """

    __slots__ = (
        "_cancel_headers",
        "_data",
        "_deadline",
        "_key",
        "_machinery",
        "_pause",
        "_request",
        "context",
        "hop",
        "is_cancelled",
        "method",
        "state",
    )

    def __init__(self, machinery: Machinery, request: Request, branch: str, hop: Hop, context: object) -> None:
        """Send ``request``, which carries its Via with ``branch`` already. Raises SerializeError."""
        settings = machinery.settings
        self._machinery = machinery
        self._key = client_key(branch, request.method)
        self._request: Request | None = request
        self._data = request.to_bytes()
        self._pause = settings.first_pause(hop)
        self._deadline = machinery.wheel.now + settings.timeout
        self._cancel_headers: Sequence[tuple[str, str]] = ()
        self.method = request.method
        self.hop = hop
        self.context = context
        self.is_cancelled = False
        self.state = State.CALLING if request.method == "INVITE" else State.TRYING
        machinery.clients.add(self._key, self)
        machinery.wheel.schedule(self._pause, self)
        machinery.send(self._data, hop)

    @property
    def request(self) -> Request:
        """The request as it was sent. It is let go when ``on_response`` has returned from the final response."""
        if self._request is None:
            raise LookupError(f"the {self.method} is finished, its request is not kept")
        return self._request

    @property
    def branch(self) -> str:
        """The branch of our Via."""
        return str(self._key[0])

    def receive(self, response: Response) -> None:
        """A response to this transaction."""
        if response.status < 200:
            self._receive_provisional(response)
        elif self.method != "INVITE":
            self._finish(response, SWALLOW, self._machinery.settings.quiet_down(self.hop))
        elif response.status < 300:
            self._accept(response)
        elif self.state is not State.ACCEPTED:
            ack = failure_ack(self.request, response).to_bytes()
            self._machinery.send(ack, self.hop)
            self._finish(response, ack, self._machinery.settings.remembered(self.hop))

    def cancel(self, headers: Sequence[tuple[str, str]]) -> None:
        """Give an INVITE up (RFC 3261 9.1): now, or after the first provisional response."""
        if self.is_cancelled or (self.state is not State.CALLING and self.state is not State.PROCEEDING):
            return
        self.is_cancelled = True
        self._cancel_headers = headers
        if self.state is State.PROCEEDING:
            self._send_cancel()

    def fail(self) -> None:
        """The transport could not send the request (RFC 3261 17.1.4)."""
        if self.state is not State.ACCEPTED and self.state is not State.TERMINATED:
            self._end()
            self._machinery.stats.transport_errors += 1
            if self.method != "CANCEL":
                self._machinery.user.on_transport_error(self)

    def wake(self) -> None:
        """Retransmit (timers A and E) or give up (B, F, M, and the wait after a CANCEL)."""
        if self.state is State.TERMINATED:
            return
        left = self._deadline - self._machinery.wheel.now
        if left <= 0:
            self._give_up()
        elif self.state is State.CALLING or self.state is State.TRYING:
            self._retransmit(left)

    def _retransmit(self, left: float) -> None:
        machinery = self._machinery
        if not self.hop.is_reliable:
            machinery.stats.retransmissions_sent += 1
            machinery.send(self._data, self.hop)
            self._pause *= 2
            if self.state is State.TRYING:
                self._pause = min(self._pause, machinery.settings.t2)
        machinery.wheel.schedule(min(self._pause, left), self)

    def _receive_provisional(self, response: Response) -> None:
        if self.state is State.TRYING:
            # RFC 3261 17.1.2.2: it is being worked on; from now on every T2.
            self._pause = self._machinery.settings.t2
        elif self.state is State.CALLING:
            self.state = State.PROCEEDING
            self._data = b""
            self._deadline = inf
            if self.is_cancelled:
                self._send_cancel()
        elif self.state is not State.PROCEEDING:
            return
        self._tell(response)

    def _accept(self, response: Response) -> None:
        if self.state is not State.ACCEPTED:
            self.state = State.ACCEPTED
            self._data = b""
            self._wait(self._machinery.settings.timeout)
        self._tell(response)
        self._request = None

    def _finish(self, response: Response, last: bytes, remembered_s: float) -> None:
        self.state = State.TERMINATED
        self._data = b""
        self._machinery.clients.remember(self._key, last, remembered_s)
        self._tell(response)
        self._request = None

    def _tell(self, response: Response) -> None:
        # Nobody but us asked for the CANCEL's answer; what counts is the INVITE's.
        if self.method != "CANCEL":
            self._machinery.user.on_response(response, self)

    def _send_cancel(self) -> None:
        cancel = cancel_request(self.request, self._cancel_headers)
        self._cancel_headers = ()
        # RFC 3261 9.1: without a final response 64*T1 after the CANCEL, the INVITE counts as cancelled.
        self._wait(self._machinery.settings.timeout)
        ClientTransaction(self._machinery, cancel, self.branch, self.hop, None)

    def _wait(self, seconds: float) -> None:
        wheel = self._machinery.wheel
        self._deadline = wheel.now + seconds
        wheel.schedule(seconds, self)

    def _give_up(self) -> None:
        accepted = self.state is State.ACCEPTED
        self._end()
        if not accepted and self.method != "CANCEL":
            self._machinery.stats.timeouts += 1
            self._machinery.user.on_timeout(self)

    def _end(self) -> None:
        self.state = State.TERMINATED
        self._data = b""
        self._machinery.clients.forget(self._key)


def failure_ack(invite: Request, response: Response) -> Request:
    """The ACK to a failure of ``invite`` (RFC 3261 17.1.1.3)."""
    headers = _echo(invite, "ACK", response.headers.get("To") or "")
    return Request("ACK", invite.uri, Headers(headers))


def cancel_request(invite: Request, extra: Sequence[tuple[str, str]]) -> Request:
    """The CANCEL of ``invite`` (RFC 3261 9.1), with headers of the user's, such as Reason."""
    headers = _echo(invite, "CANCEL", invite.headers.get("To") or "")
    return Request("CANCEL", invite.uri, Headers([*headers, *extra]))


def _echo(invite: Request, method: str, to: str) -> list[tuple[str, str]]:
    """The headers that tie ACK and CANCEL to their INVITE, its top Via and route set included."""
    headers = invite.headers
    return [
        ("Via", str(invite.top_via)),
        ("Max-Forwards", MAX_FORWARDS),
        *(("Route", route) for route in headers.get_all("Route")),
        ("From", headers.get("From") or ""),
        ("To", to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
    ]
