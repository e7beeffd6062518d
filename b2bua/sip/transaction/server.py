"""The server transaction: a request that we answer (RFC 3261 17.2, RFC 6026 7.1)."""

from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response
from b2bua.sip.transaction.machinery import Machinery
from b2bua.sip.transaction.state import State
from b2bua.sip.transaction.table import Key

SWALLOW = b""
"""What a finished transaction remembers where a retransmission gets no answer."""


class ServerTransaction:
    """One request and its answer, until the answer is known to have arrived.

    ``context`` is the user's own. ``hop`` is where responses go (RFC 3261 18.2.2, RFC 3581).
    """

    __slots__ = (
        "_deadline",
        "_key",
        "_last",
        "_machinery",
        "_merge_key",
        "_pause",
        "context",
        "hop",
        "request",
        "state",
    )

    def __init__(self, machinery: Machinery, key: Key, merge_key: Key | None, request: Request, hop: Hop) -> None:
        self._machinery = machinery
        self._key = key
        self._merge_key = merge_key
        self._last = b""
        self._pause = 0.0
        self._deadline = 0.0
        self.request = request
        self.hop = hop
        self.state = State.PROCEEDING
        self.context: object = None
        machinery.servers.add(key, self)
        if merge_key is not None:
            machinery.ongoing[merge_key] = self

    @property
    def is_invite(self) -> bool:
        """Whether the request is an INVITE."""
        return self.request.method == "INVITE"

    @property
    def is_answered(self) -> bool:
        """Whether a final response has been sent."""
        return self.state is not State.PROCEEDING

    def respond(self, response: Response) -> None:
        """Send a response and keep it for retransmissions. After a final response nothing more is sent."""
        if self.is_answered:
            return
        machinery = self._machinery
        data = self._last = response.to_bytes()
        status = response.status
        if status >= 200:
            if not self.is_invite:
                self._end(data, machinery.settings.remembered(self.hop))
            elif status < 300:
                # RFC 3261 13.3.1.4: on every transport, for the ACK is end to end.
                self._await_ack(State.ACCEPTED, machinery.settings.t1)
            else:
                self._await_ack(State.COMPLETED, machinery.settings.first_pause(self.hop))
        machinery.send(data, self.hop)

    def repeat(self) -> None:
        """The request came again: so does the last response, if any (RFC 3261 17.2.1, 17.2.2)."""
        # RFC 6026 7.1: in Accepted the INVITE is absorbed; the 2xx is repeated by its own timer.
        if self._last and self.state is not State.ACCEPTED:
            self._machinery.send(self._last, self.hop)

    def receive_ack(self) -> bool:
        """An ACK with the key of this INVITE. True if that ends the matter, False if it is the user's to judge."""
        if self.state is State.COMPLETED:
            # Timer I: more ACKs may be under way.
            self._end(SWALLOW, self._machinery.settings.quiet_down(self.hop))
            return True
        # An ACK to a 2xx has a branch of its own, but not everybody knows (RFC 3261 17.1.1.3, RFC 2543).
        return self.state is not State.ACCEPTED

    def acknowledge(self) -> None:
        """The ACK to our 2xx has come: stop retransmitting. Harmless at any other time."""
        if self.state is State.ACCEPTED:
            # Timer L: retransmitted INVITEs may be under way.
            self._end(SWALLOW, self._machinery.settings.timeout)

    def fall_back(self, hop: Hop) -> None:
        """The connection of the request is gone: repeat the last response to ``hop`` (RFC 3261 18.2.2)."""
        self.hop = hop
        self._machinery.send(self._last, hop)

    def wake(self) -> None:
        """A 2xx or a failure of an INVITE has not been acknowledged yet."""
        if self.state is not State.ACCEPTED and self.state is not State.COMPLETED:
            return
        machinery = self._machinery
        left = self._deadline - machinery.wheel.now
        if left <= 0:
            self._give_up()
            return
        if self.state is State.ACCEPTED or not self.hop.is_reliable:
            machinery.stats.retransmissions_sent += 1
            machinery.send(self._last, self.hop)
            self._pause = min(2 * self._pause, machinery.settings.t2)
        machinery.wheel.schedule(min(self._pause, left), self)

    def _await_ack(self, state: State, pause: float) -> None:
        wheel = self._machinery.wheel
        self.state = state
        self._pause = pause
        self._deadline = wheel.now + self._machinery.settings.timeout
        wheel.schedule(pause, self)

    def _give_up(self) -> None:
        machinery = self._machinery
        accepted = self.state is State.ACCEPTED
        self._end(SWALLOW, 0.0)
        machinery.stats.ack_timeouts += 1
        if accepted:
            machinery.user.on_ack_timeout(self)

    def _end(self, last: bytes, remembered_s: float) -> None:
        self.state = State.TERMINATED
        self._last = b""
        self._machinery.servers.remember(self._key, last, remembered_s)
        if self._merge_key is not None:
            del self._machinery.ongoing[self._merge_key]
