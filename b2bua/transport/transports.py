"""All of a node's SIP transports behind one ``send``."""

import asyncio
from collections.abc import Sequence

from b2bua.config import Listener
from b2bua.listeners import Listeners, NoListener
from b2bua.sip.hop import Hop
from b2bua.transport.receiver import Receiver
from b2bua.transport.resolver import ResolutionError, Resolver, is_ip_literal
from b2bua.transport.stats import TransportStats
from b2bua.transport.tap import Tap, TappedReceiver
from b2bua.transport.tcp import TcpLimits, TcpTransport
from b2bua.transport.udp import UdpSocket

MAX_UNRESOLVED = 1000
"""Messages that wait for a name server."""


class Transports:
    """Opens the listeners, hands messages to ``receiver``, sends by the listener that a hop names or that fits it."""

    def __init__(
        self,
        receiver: Receiver,
        listeners: Sequence[Listener],
        resolver: Resolver | None = None,
        tcp_limits: TcpLimits | None = None,
        tap: Tap | None = None,
    ) -> None:
        """Within the running loop, which should be uvloop's."""
        self._loop = asyncio.get_running_loop()
        self._tap = tap
        if tap is not None:
            receiver = TappedReceiver(receiver, tap)
        self.stats = TransportStats()
        self.resolver = resolver or Resolver(self._loop.time, families=_families(listeners))
        self._receiver = receiver
        self._listeners = tuple(listeners)
        self._choice = Listeners(listeners)
        self._is_closed = False
        self._udp: dict[str, UdpSocket] = {}
        self._tcp = TcpTransport(self._loop, receiver, self.stats, tcp_limits or TcpLimits())
        self._resolving: set[asyncio.Task[None]] = set()
        self.ports: dict[str, int] = {}
        """The port that each listener has been given, by its name."""

    async def open(self) -> None:
        """Open every listener. Raises OSError, and then none stays open."""
        try:
            for listener in self._listeners:
                if listener.transport == "UDP":
                    udp = self._udp[listener.name] = UdpSocket(self._loop, listener, self._receiver, self.stats)
                    self.ports[listener.name] = udp.port
                else:
                    self.ports[listener.name] = await self._tcp.listen(listener)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close everything; TCP connections after what is written has left."""
        for udp in self._udp.values():
            udp.close()
        self._is_closed = True
        self._udp.clear()
        self._tcp.close()
        for task in self._resolving:
            task.cancel()

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one message. Never blocks and never raises; what cannot be sent is reported by ``on_error``."""
        if self._is_closed:
            self._fail(data, hop)
        elif is_ip_literal(hop.host):
            self._send_to_address(data, hop)
        else:
            self._send_to_name(data, hop)

    @property
    def connections(self) -> int:
        """How many TCP connections are up."""
        return self._tcp.connections

    def _send_to_address(self, data: bytes, hop: Hop) -> None:
        try:
            listener = self._choice.for_hop(hop)
        except NoListener:
            self._fail(data, hop)
            return
        if self._tap is not None:
            self._tap.departed(data, hop, listener)
        if listener.transport == "UDP":
            self._udp[listener.name].send(data, hop)
        else:
            self._tcp.send(data, hop, listener)

    def _send_to_name(self, data: bytes, hop: Hop) -> None:
        known = self.resolver.known(hop)
        if known:
            self.send(data, known[0])
        elif known is not None or len(self._resolving) >= MAX_UNRESOLVED:
            self._fail(data, hop)
        else:
            task = self._loop.create_task(self._send_when_resolved(data, hop))
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)

    async def _send_when_resolved(self, data: bytes, hop: Hop) -> None:
        try:
            hops = await self.resolver.resolve(hop)
        except ResolutionError:
            self._fail(data, hop)
            return
        self.send(data, hops[0])

    def _fail(self, data: bytes, hop: Hop) -> None:
        self.stats.send_errors += 1
        self._loop.call_soon(self._report, data, hop)

    def _report(self, data: bytes, hop: Hop) -> None:
        try:
            self._receiver.on_error(data, hop)
        finally:
            self._receiver.on_wakeup_end()


def _families(listeners: Sequence[Listener]) -> tuple[str, ...]:
    families = dict.fromkeys("AAAA" if ":" in listener.host else "A" for listener in listeners)
    return tuple(families)
