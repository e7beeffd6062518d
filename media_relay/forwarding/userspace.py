"""Forwarding in this process: every port a socket, all sockets in one epoll set inside the event loop.

What a packet costs decides how many calls a core relays, so the path of a good packet is one function without an
allocation that can be avoided. How sockets are read:

- One packet a socket and round. A round costs one ``epoll_wait`` for all sockets, a socket with one packet (the rule)
  needs no second ``recvfrom`` just to learn that it is empty, and a flooded port gets its turn and no more.
- Under load a wake-up costs more than a packet. After one, the sockets are looked at every millisecond until they have
  been quiet for a while; only then is the event loop asked to wake us again. A packet waits a millisecond at most.
- After a bounded number of rounds everybody else in the event loop has a turn.
"""

import asyncio
import select
import socket
from time import monotonic
from typing import Final

from media_relay.forwarding import MediaPort, PortUnavailableError
from media_relay.latching import SocketAddress
from media_relay.rtp import MIN_RTCP, MIN_RTP, RTP_FIELDS, is_rtcp, parse_reports

RECEIVE_BUFFER: Final = 1 << 19
"""Bytes a socket; the kernel grants at most net.core.rmem_max. Seconds of audio while the loop is held up."""
TICK_S: Final = 0.001
QUIET_TICKS: Final = 4
"""So many ticks without a packet end the ticking."""
MAX_ROUNDS: Final = 16
MAX_EVENTS: Final = 1024
MAX_DATAGRAM: Final = 1 << 16

_DTLS_FIRST_BYTES = range(20, 64)
"""RFC 7983 7."""


class _SocketPort(MediaPort):
    __slots__ = ("receive", "socket")

    def __init__(self, address: str, port: int, opened: socket.socket) -> None:
        super().__init__(address, port, opened.sendto)
        self.socket = opened
        self.receive = opened.recvfrom_into


class UserspaceForwarder:
    """The engine that runs everywhere and needs no privilege. Use it from its event loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._ports: dict[int, _SocketPort] = {}
        self._buffer = bytearray(MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._quiet_ticks = 0
        loop.add_reader(self._epoll.fileno(), self._wake)

    def open(self, address: str, port: int) -> MediaPort:
        """Bind ``address:port``. Raises PortUnavailableError."""
        opened = _bind(address, port)
        media_port = _SocketPort(address, port, opened)
        self._ports[opened.fileno()] = media_port
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return media_port

    def refresh(self, port: MediaPort) -> None:
        """Nothing: this engine works on the port itself."""

    def close(self, port: MediaPort) -> None:
        """Unbind."""
        assert isinstance(port, _SocketPort)
        number = port.socket.fileno()
        del self._ports[number]
        self._epoll.unregister(number)
        port.socket.close()

    def shut_down(self) -> None:
        """Close every port and leave the event loop."""
        self._loop.remove_reader(self._epoll.fileno())
        for port in list(self._ports.values()):
            self.close(port)
        self._epoll.close()

    def _wake(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._quiet_ticks = 0
        self._tick()

    def _tick(self) -> None:
        if self._epoll.closed:
            return
        if self._drain():
            self._quiet_ticks = 0
        else:
            self._quiet_ticks += 1
        if self._quiet_ticks > QUIET_TICKS:
            self._loop.add_reader(self._epoll.fileno(), self._wake)
        else:
            self._loop.call_later(TICK_S, self._tick)

    def _drain(self) -> bool:
        """Forward what has arrived, within bounds; tell whether there was anything."""
        poll = self._epoll.poll
        for done in range(MAX_ROUNDS):
            ready = poll(0, MAX_EVENTS)
            if not ready:
                return done > 0
            self._forward(ready, monotonic())
        return True

    def _forward(self, ready: list[tuple[int, int]], now: float) -> None:
        """Take one packet from each ready socket to its exit."""
        ports, buffer, view, fields = self._ports, self._buffer, self._view, RTP_FIELDS.unpack_from
        for number, _ in ready:
            port = ports[number]
            try:
                size, source = port.receive(buffer)
            except OSError:  # nothing there after all (a bad checksum), or an ICMP error of what was sent
                continue

            # Ordered so that a good RTP packet from the latched source passes the fewest tests.
            if size >= MIN_RTP and 128 <= buffer[0] < 192 and not 64 <= buffer[1] & 0x7F <= 95 and port.carries_rtp:
                if source != port.latch.source and not _admit(port, source, now):
                    continue
                sequence, timestamp, ssrc = fields(buffer)
                port.reception.count(sequence, timestamp, ssrc, now)
                target = port.rtp_exit
            else:
                if not _is_acceptable(port, buffer, size):
                    port.malformed += 1
                    continue
                if source != port.latch.source and not _admit(port, source, now):
                    continue
                target = _exit_of_other(port, buffer, view[:size])

            port.packets += 1
            port.octets += size
            port.last_seen = now
            if target is None or (destination := target.latch.destination) is None:
                port.unsent += 1
                continue
            try:
                target.send(view[:size], destination)
            except OSError:  # unreachable, no buffer, a firewall: RTP is not repeated
                port.unsent += 1


def _admit(port: MediaPort, source: SocketAddress, now: float) -> bool:
    if port.latch.admit(source, now):
        return True
    port.refused += 1
    return False


def _is_acceptable(port: MediaPort, buffer: bytearray, size: int) -> bool:
    """Whether a packet that is not RTP may pass."""
    if not port.carries_rtp:
        return size > 0
    if size >= MIN_RTCP and 128 <= buffer[0] < 192 and is_rtcp(buffer[1]):
        return True
    return port.dtls and size > 0 and buffer[0] in _DTLS_FIRST_BYTES


def _exit_of_other(port: MediaPort, buffer: bytearray, packet: memoryview) -> MediaPort | None:
    """Where a packet leaves that is RTCP, DTLS or no RTP medium at all."""
    if not (port.carries_rtp and buffer[0] >= 128):
        return port.rtp_exit
    for block in parse_reports(packet):
        port.report = block
    return port.rtcp_exit


def _bind(address: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        raise PortUnavailableError(f"{address}:{port}: {error.strerror}") from error
    return opened
