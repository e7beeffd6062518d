"""SIP over TCP: listeners, connections that are used again, and connections made when something is to be sent.

RFC 3261 18.1 and 18.2; RFC 5923 goes further and is not followed: a connection that we accepted serves for requests
to exactly the address it came from, as a phone behind a NAT needs it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from b2bua.config import Listener
from b2bua.sip.hop import Hop
from b2bua.transport.receiver import Receiver
from b2bua.transport.stats import TransportStats
from b2bua.transport.tcp_connection import TcpConnection

WILDCARDS = ("", "0.0.0.0", "::")

Peer = tuple[str, int, str]
"""Host, port and the name of our listener."""


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """Seconds and numbers.

    ``idle_s`` must be longer than the phones' keep-alive (RFC 5626: 120 s at most). ``patience_s`` is how long an
    unfinished message, or an unread one of ours, is tolerated.
    """

    connect_s: float = 5.0
    idle_s: float = 900.0
    patience_s: float = 15.0
    max_connections: int = 20_000
    max_per_source: int = 2_000
    max_waiting: int = 200
    """Messages that wait for one connection to come up."""


@dataclass(slots=True)
class _Dial:
    """A connection that is being made, and what waits for it."""

    hop: Hop
    task: "asyncio.Task[None] | None" = None
    waiting: list[bytes] = field(default_factory=list)


class TcpTransport:
    """All TCP listeners and connections of a node."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        receiver: Receiver,
        stats: TransportStats,
        limits: TcpLimits,
    ) -> None:
        self._loop = loop
        self._receiver = receiver
        self._stats = stats
        self._limits = limits
        self._flows = count(1)
        self._servers: list[asyncio.Server] = []
        self._by_flow: dict[int, TcpConnection] = {}
        self._by_peer: dict[Peer, TcpConnection] = {}
        self._per_source: Counter[str] = Counter()
        self._dials: dict[Peer, _Dial] = {}
        self._sweep = loop.call_later(limits.patience_s / 2, self._close_unwanted)

    @property
    def connections(self) -> int:
        """How many are up."""
        return len(self._by_flow)

    async def listen(self, listener: Listener) -> int:
        """Open a listener; returns its port. Raises OSError."""
        server = await self._loop.create_server(
            self._factory(listener.name), listener.host, listener.port, backlog=1024
        )
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def send(self, data: bytes, hop: Hop, listener: Listener) -> None:
        """Send on the flow that ``hop`` names, or on any connection to its address, made if need be.

        A flow that is gone is a failure: nobody else can be reached by its port. ``hop.host`` is an IP literal.
        """
        if hop.flow:
            connection = self._by_flow.get(hop.flow)
            if connection is None or not connection.send(data):
                self._fail(data, hop)
            return
        peer = (hop.host, hop.port, listener.name)
        connection = self._by_peer.get(peer)
        if connection is not None and connection.is_open:
            if not connection.send(data):
                self._fail(data, hop)
            return
        self._send_when_connected(data, hop, peer, listener)

    def close(self) -> None:
        """Stop listening, and close every connection when what is written has left."""
        self._sweep.cancel()
        for server in self._servers:
            server.close()
        for dial in self._dials.values():
            if dial.task is not None:
                dial.task.cancel()
        for connection in list(self._by_flow.values()):
            connection.close()

    def opened(self, connection: TcpConnection) -> bool:
        """A connection is up (`ConnectionOwner`)."""
        limits, host = self._limits, connection.hop.host
        if len(self._by_flow) >= limits.max_connections or self._per_source[host] >= limits.max_per_source:
            self._stats.connections_refused += 1
            return False
        self._stats.connections_opened += 1
        self._per_source[host] += 1
        self._by_flow[connection.hop.flow] = connection
        self._by_peer[_peer_of(connection)] = connection
        return True

    def closed(self, connection: TcpConnection) -> None:
        """A connection is gone (`ConnectionOwner`)."""
        if self._by_flow.pop(connection.hop.flow, None) is None:
            return
        host = connection.hop.host
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
        peer = _peer_of(connection)
        if self._by_peer.get(peer) is connection:
            del self._by_peer[peer]

    def _factory(self, listener_name: str) -> Callable[[], TcpConnection]:
        return lambda: TcpConnection(
            self, self._receiver, self._stats, self._loop.time, next(self._flows), listener_name
        )

    def _send_when_connected(self, data: bytes, hop: Hop, peer: Peer, listener: Listener) -> None:
        dial = self._dials.get(peer)
        if dial is None:
            dial = self._dials[peer] = _Dial(hop)
            dial.task = self._loop.create_task(self._connect(dial, peer, listener))
        if len(dial.waiting) >= self._limits.max_waiting:
            self._fail(data, hop)
        else:
            dial.waiting.append(data)

    async def _connect(self, dial: _Dial, peer: Peer, listener: Listener) -> None:
        # The port is the system's to choose: peers tell connections apart by it.
        local = None if listener.host in WILDCARDS else (listener.host, 0)
        connection: TcpConnection | None = None
        try:
            async with asyncio.timeout(self._limits.connect_s):
                _, connection = await self._loop.create_connection(
                    self._factory(listener.name), dial.hop.host, dial.hop.port, local_addr=local
                )
        except (OSError, TimeoutError, OverflowError):
            pass
        finally:
            del self._dials[peer]
        for data in dial.waiting:
            if connection is None or not connection.send(data):
                self._fail(data, dial.hop)

    def _fail(self, data: bytes, hop: Hop) -> None:
        self._stats.send_errors += 1
        self._loop.call_soon(self._report, data, hop)

    def _report(self, data: bytes, hop: Hop) -> None:
        try:
            self._receiver.on_error(data, hop)
        finally:
            self._receiver.on_wakeup_end()

    def _close_unwanted(self) -> None:
        limits = self._limits
        for connection in list(self._by_flow.values()):
            if connection.is_stuck(limits.patience_s):
                self._stats.connections_closed_slow += 1
                connection.abort()
            elif connection.is_idle(limits.idle_s):
                self._stats.connections_closed_idle += 1
                connection.close()
        self._sweep = self._loop.call_later(limits.patience_s / 2, self._close_unwanted)


def _peer_of(connection: TcpConnection) -> Peer:
    hop = connection.hop
    return (hop.host, hop.port, hop.listener)
