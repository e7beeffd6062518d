"""SIP over UDP: one socket a listener, read and written without a stream or a protocol in between.

asyncio's own datagram transport allocates 256 KiB for each packet; here the loop only says that the socket is
readable, and up to `DATAGRAMS_PER_WAKEUP` datagrams are taken from it at once.
"""

import asyncio
import socket
from collections import deque

from b2bua.config import Listener
from b2bua.sip.hop import Hop
from b2bua.transport.receiver import Receiver
from b2bua.transport.stats import TransportStats

DATAGRAMS_PER_WAKEUP = 64
MAX_DATAGRAM_BYTES = 65535
SHORTEST_MESSAGE_BYTES = 16
"""Whatever is shorter keeps a NAT binding open: CRLF, CRLFCRLF, a zero byte."""

SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32
"""Linux: beyond net.core.rmem_max and wmem_max, with CAP_NET_ADMIN. Python does not name them."""

MAX_UNSENT = 4096
"""Datagrams that wait while the socket is full."""

MAX_KNOWN_PEERS = 65536
"""Hops kept ready for the addresses that datagrams come from."""

Address = tuple[str, int]


class UdpSocket:
    """One UDP listener."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: Listener, receiver: Receiver, stats: TransportStats
    ) -> None:
        """Bind at once; raises OSError. Call within the loop that shall serve it."""
        self.listener = listener
        self._loop = loop
        self._receiver = receiver
        self._stats = stats
        self._peers: dict[Address, Hop] = {}
        self._unsent: deque[tuple[bytes, Hop]] = deque()
        self._socket = _bind(listener.host, listener.port)
        loop.add_reader(self._socket.fileno(), self._read)

    @property
    def port(self) -> int:
        """The port that is bound, also where the listener asked for port 0."""
        port: int = self._socket.getsockname()[1]
        return port

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one datagram. ``hop.host`` must be an IP literal, or the loop blocks on a name server."""
        if self._unsent:
            self._queue(data, hop)
            return
        try:
            self._socket.sendto(data, (hop.host, hop.port))
            self._stats.sent += 1
        except BlockingIOError:
            self._loop.add_writer(self._socket.fileno(), self._write)
            self._queue(data, hop)
        except (OSError, OverflowError):
            self._fail(data, hop)

    def close(self) -> None:
        """Stop; what waits is lost."""
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._unsent.clear()
        self._socket.close()

    def _read(self) -> None:
        receive = self._socket.recvfrom
        try:
            for _ in range(DATAGRAMS_PER_WAKEUP):
                try:
                    data, address = receive(MAX_DATAGRAM_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    # Linux tells here what ICMP said of an earlier datagram; SIP's timers notice that too.
                    self._stats.receive_errors += 1
                    break
                if len(data) < SHORTEST_MESSAGE_BYTES:
                    self._stats.keep_alives += 1
                    continue
                self._stats.received += 1
                self._receiver.on_message(data, self._peers.get(address) or self._new_peer(address))
        finally:
            self._receiver.on_wakeup_end()

    def _new_peer(self, address: Address) -> Hop:
        if len(self._peers) >= MAX_KNOWN_PEERS:
            self._peers.clear()
        hop = self._peers[address] = Hop("UDP", address[0], address[1], 0, self.listener.name)
        return hop

    def _queue(self, data: bytes, hop: Hop) -> None:
        if len(self._unsent) >= MAX_UNSENT:
            self._stats.dropped += 1
        else:
            self._unsent.append((data, hop))

    def _write(self) -> None:
        while self._unsent:
            data, hop = self._unsent[0]
            try:
                self._socket.sendto(data, (hop.host, hop.port))
                self._stats.sent += 1
            except BlockingIOError:
                return
            except (OSError, OverflowError):
                self._fail(data, hop)
            self._unsent.popleft()
        self._loop.remove_writer(self._socket.fileno())

    def _fail(self, data: bytes, hop: Hop) -> None:
        self._stats.send_errors += 1
        self._loop.call_soon(self._report, data, hop)

    def _report(self, data: bytes, hop: Hop) -> None:
        try:
            self._receiver.on_error(data, hop)
        finally:
            self._receiver.on_wakeup_end()


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _enlarge(bound, SO_RCVBUFFORCE, socket.SO_RCVBUF)
        _enlarge(bound, SO_SNDBUFFORCE, socket.SO_SNDBUF)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _enlarge(target: socket.socket, forced: int, allowed: int) -> None:
    """As large as we may: by force with the capability for it, else up to the system's limit."""
    try:
        target.setsockopt(socket.SOL_SOCKET, forced, SOCKET_BUFFER_BYTES)
    except OSError:
        target.setsockopt(socket.SOL_SOCKET, allowed, SOCKET_BUFFER_BYTES)
