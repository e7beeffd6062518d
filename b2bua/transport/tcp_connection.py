"""One TCP connection that carries SIP: bytes in, messages up; messages down, bytes out (RFC 3261 18.3)."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from b2bua.sip.errors import FramingError
from b2bua.sip.framing import PONG, Framer
from b2bua.sip.hop import Hop
from b2bua.transport.receiver import Receiver
from b2bua.transport.stats import TransportStats

MAX_UNSENT_BYTES = 1024 * 1024
"""What may wait for a peer that does not read; beyond, messages are reported as not sent."""


class ConnectionOwner(Protocol):
    """Who keeps the connections."""

    def opened(self, connection: "TcpConnection") -> bool:
        """The connection is up; False where it is one too many."""

    def closed(self, connection: "TcpConnection") -> None:
        """It is gone."""


class TcpConnection(asyncio.Protocol):
    """A connection, accepted or opened by us. ``hop`` names it while it is up; ``hop.flow`` is its number."""

    def __init__(
        self,
        owner: ConnectionOwner,
        receiver: Receiver,
        stats: TransportStats,
        clock: Callable[[], float],
        flow: int,
        listener_name: str,
    ) -> None:
        self.hop = Hop("TCP", "", 0, flow, listener_name)
        self._owner = owner
        self._receiver = receiver
        self._stats = stats
        self._clock = clock
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._last_heard = clock()
        self._unfinished_since: float | None = None
        self._blocked_since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("peername")
        if not address:
            self._transport.abort()
            return
        self.hop = self.hop._replace(host=address[0], port=address[1])
        if not self._owner.opened(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        self._owner.closed(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if not self.is_open:
            return
        self._last_heard = self._clock()
        try:
            self._hand_up(data)
        finally:
            self._receiver.on_wakeup_end()

    def pause_writing(self) -> None:
        """Called by the loop: the peer does not read. Then we do not read either, or its requests pile up here."""
        self._blocked_since = self._clock()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._blocked_since = None
        if self._transport is not None:
            self._transport.resume_reading()

    def send(self, data: bytes) -> bool:
        """Write one message; False where the connection cannot take it."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return False
        transport.write(data)
        self._stats.sent += 1
        return True

    def close(self) -> None:
        """Close after what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def is_idle(self, idle_s: float) -> bool:
        """Whether nothing, not even a keep-alive, has come for so long."""
        return self._clock() - self._last_heard > idle_s

    def is_stuck(self, patience_s: float) -> bool:
        """Whether a message was begun, or one of ours left unread, for longer than an honest peer needs."""
        latest = self._clock() - patience_s
        return any(since is not None and since < latest for since in (self._unfinished_since, self._blocked_since))

    def _hand_up(self, data: bytes) -> None:
        framer = self._framer
        fault: FramingError | None = None
        try:
            messages = framer.feed(data)
        except FramingError as error:
            fault, messages = error, error.messages
        self._answer_pings()
        if messages or not data.strip(b"\r\n"):
            self._unfinished_since = None
        elif self._unfinished_since is None:
            self._unfinished_since = self._last_heard
        for message in messages:
            self._stats.received += 1
            self._receiver.on_message(message, self.hop)
        if fault is not None:
            self._stats.framing_errors += 1
            self._receiver.on_malformed(fault, self.hop)
            self.close()

    def _answer_pings(self) -> None:
        pings = self._framer.take_pings()
        if pings and self._transport is not None:
            self._stats.keep_alives += pings
            self._transport.write(PONG * pings)
