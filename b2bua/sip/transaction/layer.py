"""The transaction layer: bytes from the transport become requests and responses that happen once."""

from collections.abc import Callable, Sequence
from zlib import crc32

from b2bua.sip.errors import ParseError, SipError
from b2bua.sip.grammar import format_host
from b2bua.sip.headers.via import MAGIC_COOKIE, Via
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response, parse
from b2bua.sip.responses import response_to
from b2bua.sip.timers import TimerWheel
from b2bua.sip.transaction.addressing import fallback_hop, mark_source, response_hop
from b2bua.sip.transaction.client import ClientTransaction
from b2bua.sip.transaction.machinery import Machinery
from b2bua.sip.transaction.matching import answered_key, cancelled_key, client_key, merge_key, server_key
from b2bua.sip.transaction.server import ServerTransaction
from b2bua.sip.transaction.settings import TimerSettings
from b2bua.sip.transaction.stats import TransactionStats
from b2bua.sip.transaction.table import Key
from b2bua.sip.transaction.user import TransactionUser

OVERLOAD_RETRY_AFTER_S = "5"


class TransactionLayer:
    """Matches messages to transactions, absorbs and makes retransmissions, tells ``user`` the rest.

    ``send`` may not call back into the layer: a failure is reported later, by `transport_failed`.
    ``new_branch`` makes what follows the magic cookie in a branch; ``via_for`` names the address (host, port)
    that our Via shows on the way to a hop. The layer does not send 100 Trying: whoever answers knows when.
    """

    def __init__(
        self,
        user: TransactionUser,
        send: Callable[[bytes, Hop], None],
        wheel: TimerWheel,
        new_branch: Callable[[], str],
        settings: TimerSettings,
        via_for: Callable[[Hop], tuple[str, int]],
    ) -> None:
        self._machinery = Machinery(user, send, wheel, settings)
        self._user = user
        self._send = send
        self._wheel = wheel
        self._new_branch = new_branch
        self._via_for = via_for
        self._settings = settings
        self._clients = self._machinery.clients
        self._servers = self._machinery.servers
        self._stats = self._machinery.stats

    @property
    def stats(self) -> TransactionStats:
        """What has been seen so far."""
        return self._stats

    @property
    def live(self) -> tuple[int, int]:
        """How many client and server transactions are not finished."""
        return self._clients.live, self._servers.live

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """One message from the network, whatever it is; ``now`` is monotonic seconds."""
        self._wheel.now = now
        try:
            message = parse(data)
        except ParseError as error:
            self.refuse(error, source)
            return
        if isinstance(message, Response):
            self._receive_response(message, source)
        else:
            self._receive_request(message, source)

    def refuse(self, error: ParseError, source: Hop) -> None:
        """Something that is no SIP message: answer it, statelessly, if it is known whom and what."""
        request = error.request
        if request is None or request.method == "ACK":
            self._stats.malformed_dropped += 1
            return
        try:
            via = request.top_via
            hop = response_hop(via, source)
            mark_source(request, via, source)
            self._answer_statelessly(request, hop, error.status)
        except SipError:
            self._stats.malformed_dropped += 1
            return
        self._stats.malformed_answered += 1

    def send_request(self, request: Request, hop: Hop, context: object, branch: str | None = None) -> ClientTransaction:
        """Put our Via on top of ``request``, with ``branch`` behind the magic cookie, and send it reliably.

        A given branch must be new. Raises SerializeError.
        """
        full_branch = self._add_via(request, hop, branch)
        return ClientTransaction(self._machinery, request, full_branch, hop, context)

    def send_ack(self, request: Request, hop: Hop, branch: str | None = None) -> bytes:
        """Send the ACK to a 2xx with our Via on top (RFC 3261 13.2.2.4).

        Returns what was sent: it is to be sent again, unchanged, whenever the 2xx comes again.
        """
        self._add_via(request, hop, branch)
        data = request.to_bytes()
        self._send(data, hop)
        return data

    def cancel(self, transaction: ClientTransaction, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Give an INVITE up (RFC 3261 9.1), with headers such as Reason.

        The CANCEL waits for the first provisional response. How it ends is told for the INVITE: by its final
        response, or by ``on_timeout`` when none comes within 64*T1. After a final response nothing happens.
        """
        transaction.cancel(headers)

    def respond(self, transaction: ServerTransaction, response: Response) -> None:
        """Send a response; after a final one no other is sent. Raises SerializeError."""
        transaction.respond(response)

    def acknowledged(self, transaction: ServerTransaction) -> None:
        """The ACK to the transaction's 2xx has come: stop repeating it. Harmless at any other time."""
        transaction.acknowledge()

    def transport_failed(self, data: bytes, hop: Hop) -> None:
        """What was given to ``send`` could not be sent.

        A request's transaction fails at once; a response whose connection is gone goes to the address in its
        Via (RFC 3261 18.2.2); the loss of anything else is left to retransmission and timeouts.
        """
        try:
            message = parse(data)
        except ParseError:
            return
        if isinstance(message, Request):
            client = self._clients.get_live(client_key(message.top_via.branch, message.cseq.method))
            if client is not None:
                client.fail()
        elif hop.flow:
            server = self._servers.get_live(answered_key(message))
            if server is not None:
                server.fall_back(fallback_hop(message.top_via, hop))

    def _add_via(self, request: Request, hop: Hop, branch: str | None) -> str:
        host, port = self._via_for(hop)
        branch = MAGIC_COOKIE + (branch or self._new_branch())
        request.headers.insert("Via", f"SIP/2.0/{hop.transport} {format_host(host, port)};rport;branch={branch}")
        return branch

    def _receive_response(self, response: Response, source: Hop) -> None:
        entry = self._clients.entries.get(client_key(response.top_via.branch, response.cseq.method))
        if entry is None:
            self._stats.stray_responses += 1
            self._user.on_stray_response(response, source)
        elif isinstance(entry, bytes):
            self._stats.retransmissions_received += 1
            # RFC 3261 17.1.1.2: a failure that comes again is acknowledged again.
            if entry and response.status >= 300:
                self._send(entry, source)
        else:
            self._stats.responses += 1
            entry.receive(response)

    def _receive_request(self, request: Request, source: Hop) -> None:
        via = request.top_via
        key = server_key(request, via)
        entry = self._servers.entries.get(key)
        if entry is not None:
            self._receive_known(entry, request, via, source)
            return
        self._stats.requests += 1
        if request.method == "ACK":
            self._user.on_ack(request, source)
        else:
            self._receive_new(key, request, via, source)

    def _receive_known(self, entry: ServerTransaction | bytes, request: Request, via: Via, source: Hop) -> None:
        if request.method == "ACK":
            if not isinstance(entry, bytes) and not entry.receive_ack():
                self._user.on_ack(request, source)
            return
        self._stats.retransmissions_received += 1
        if not isinstance(entry, bytes):
            entry.repeat()
        elif entry:
            self._send(entry, response_hop(via, source))

    def _receive_new(self, key: Key, request: Request, via: Via, source: Hop) -> None:
        hop = response_hop(via, source)
        invite_key = cancelled_key(request, via) if request.method == "CANCEL" else None
        mark_source(request, via, source)
        initial = invite_key is None and not request.to.tag
        if self._is_overloaded(initial):
            self._stats.overload_rejected += 1
            self._answer_statelessly(request, hop, 503, (("Retry-After", OVERLOAD_RETRY_AFTER_S),))
            return
        if invite_key is not None:
            self._receive_cancel(key, invite_key, request, hop)
            return
        merged = merge_key(request) if initial else None
        if merged is not None and merged in self._machinery.ongoing:
            self._stats.merged += 1
            self._answer_statelessly(request, hop, 482)
            return
        self._user.on_request(request, ServerTransaction(self._machinery, key, merged, request, hop), source)

    def _receive_cancel(self, key: Key, invite_key: Key, request: Request, hop: Hop) -> None:
        invite = self._servers.entries.get(invite_key)
        if isinstance(invite, ServerTransaction):
            self._user.on_cancel(request, invite, ServerTransaction(self._machinery, key, None, request, hop))
        elif invite is None:
            self._stats.stray_cancels += 1
            self._answer_statelessly(request, hop, 481)
        else:
            # RFC 3261 9.2: it is over already; the CANCEL changes nothing.
            self._answer_statelessly(request, hop, 200)

    def _is_overloaded(self, initial: bool) -> bool:
        """Whether there is no room for one more; what belongs to a call under way gets twice the room."""
        limit = self._settings.max_live
        return self._servers.live >= (limit if initial else 2 * limit)

    def _answer_statelessly(
        self, request: Request, hop: Hop, status: int, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        response = response_to(request, status, to_tag=_stateless_tag(request), headers=headers)
        self._send(response.to_bytes(), hop)


def _stateless_tag(request: Request) -> str:
    """A To tag that is the same for each retransmission of the request (RFC 3261 8.2.7)."""
    seed = f"{request.top_via.branch} {request.headers.get('Call-ID')}"
    return f"{crc32(seed.encode('utf-8', 'surrogateescape')):08x}"
