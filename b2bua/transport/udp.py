"""SIP over UDP: one socket a listener, read and written without a stream or a protocol in between.

asyncio's own datagram transport allocates 256 KiB for each packet; here the loop only says that the socket is
readable, and up to `DATAGRAMS_PER_WAKEUP` datagrams are taken from it at once.

Waking up costs more than handling a message. So after a wake-up the socket is left alone for `PAUSE_S`, as network
cards do it with their interrupts: the first message after a silence is handled at once, those that follow closely
come in one go, and under load the loop wakes up by its clock.
"""

import asyncio
import socket
from collections import deque

from b2bua.config import Listener
from b2bua.sip.hop import Hop
from b2bua.transport.receiver import Receiver
from b2bua.transport.stats import TransportStats

DATAGRAMS_PER_WAKEUP = 256
PAUSE_S = 0.002
"""The most that a message waits for others (seconds)."""

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
        self._pause: asyncio.TimerHandle | None = None
        loop.add_reader(self._socket.fileno(), self._wake)

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
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._unsent.clear()
        self._socket.close()

    def _wake(self) -> None:
        """The first datagram after a silence."""
        self._loop.remove_reader(self._socket.fileno())
        self._pause = self._loop.call_later(PAUSE_S, self._look_again)
        self._read()

    def _look_again(self) -> None:
        """Read on while there is something; then wait for the loop to say so."""
        if self._read():
            self._pause = self._loop.call_later(PAUSE_S, self._look_again)
        else:
            self._pause = None
            self._loop.add_reader(self._socket.fileno(), self._wake)

    def _read(self) -> int:
        """Hand up what is there, and tell how many datagrams it was."""
        receive = self._socket.recvfrom
        taken = 0
        try:
            while taken < DATAGRAMS_PER_WAKEUP:
                try:
                    data, address = receive(MAX_DATAGRAM_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    # Linux tells here what ICMP said of an earlier datagram; SIP's timers notice that too.
                    self._stats.receive_errors += 1
                    break
                taken += 1
                if len(data) < SHORTEST_MESSAGE_BYTES:
                    self._stats.keep_alives += 1
                    continue
                self._stats.received += 1
                self._receiver.on_message(data, self._peers.get(address) or self._new_peer(address))
        finally:
            self._receiver.on_wakeup_end()
        return taken

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
