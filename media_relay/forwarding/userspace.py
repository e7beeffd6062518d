"""Forwarding in this process: all sockets in one epoll set inside the event loop.

What a packet costs decides how many calls a core relays, so the path of a plain RTP packet is one function without an
allocation that can be avoided. What keeps it short:

- A port whose source is learned gets a second socket, connected to that source. The kernel then does the comparing, and
  neither it nor Python handles an address for every packet. Everything else still meets the first socket, where it is
  judged and counted.
- One packet a socket and round. A round costs one ``epoll_wait`` for all sockets, a socket with one packet (the rule)
  needs no second read just to learn that it is empty, and a flooded port gets its turn and no more.
- Under load a wake-up costs more than a packet. After one, the sockets are looked at every millisecond until they have
  been quiet for a while; only then is the event loop asked to wake us again. A packet waits a millisecond at most.
- After a bounded number of rounds everybody else in the event loop has a turn.
"""

import asyncio
import select
import socket
from collections.abc import Sequence
from time import monotonic
from typing import Final

from media_relay.forwarding import MediaPort, PortUnavailableError, sockets
from media_relay.latching import SocketAddress
from media_relay.rtp import MAX_EVENT, MIN_RTCP, MIN_RTP, RTP_FIELDS, is_rtcp, parse_reports, sender_report_time
from media_relay.secure.srtp import PacketBuffer

TICK_S: Final = 0.001
QUIET_TICKS: Final = 4
"""So many ticks without a packet end the ticking."""
MAX_ROUNDS: Final = 16
MAX_BACKLOG: Final = 256
MAX_EVENTS: Final = 1024
MAX_DATAGRAM: Final = 1 << 16

_DTLS_FIRST_BYTES = range(20, 64)
"""RFC 7983 7."""


_NOBODY: Final[SocketAddress] = ("", 0)
"""No latch ever has it as its source or destination, nor is it None, which they may have."""


class _SocketPort(MediaPort):
    """``socket`` takes packets from anybody; ``private`` is connected to ``peer`` and takes that one's alone."""

    __slots__ = ("peer", "private", "receive", "send", "socket", "takes_short_path")

    rtp_exit: "_SocketPort | None"  # ports of one engine are wired to each other only
    rtcp_exit: "_SocketPort | None"

    def __init__(self, address: str, port: int, opened: socket.socket) -> None:
        super().__init__(address, port)
        self.socket = opened
        self.private: socket.socket | None = None
        self.peer = _NOBODY
        self.takes_short_path = False
        self.receive = opened.recv_into  # of the private socket, once there is one
        self.send = opened.send


class UserspaceForwarder:
    """The engine that runs everywhere and needs no privilege. Use it from its event loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._ports: dict[int, _SocketPort] = {}  # by the number of the socket that is open to anybody
        self._settled: dict[int, _SocketPort] = {}  # by the number of the private socket
        self._packet = PacketBuffer(MAX_DATAGRAM)
        self._buffer = self._packet.data
        self._view = memoryview(self._buffer)
        self._room = self._view[:MAX_DATAGRAM]
        self._quiet_ticks = 0
        loop.add_reader(self._epoll.fileno(), self._wake)

    def open(self, address: str, port: int) -> MediaPort:
        """Bind ``address:port``. Raises PortUnavailableError."""
        try:
            opened = sockets.bind(address, port)
        except OSError as error:
            raise PortUnavailableError(f"{address}:{port}: {error.strerror}") from error
        media_port = _SocketPort(address, port, opened)
        self._ports[opened.fileno()] = media_port
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return media_port

    def refresh(self, port: MediaPort) -> None:
        """Counters are always up to date here; a port that no longer carries RTP leaves the path of plain RTP."""
        assert isinstance(port, _SocketPort)
        port.takes_short_path = port.is_plain
        if not port.carries_rtp:
            self._unsettle(port)
        if port.tos is not None:
            for opened in (port.socket, port.private):
                if opened is not None:
                    sockets.mark(opened, port.tos)

    def read(self, ports: Sequence[MediaPort]) -> None:
        """Counters are always up to date here."""

    def close(self, port: MediaPort) -> None:
        """Unbind."""
        assert isinstance(port, _SocketPort)
        self._unsettle(port)
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
        """Take one packet from each ready socket to its exit: the path of plain RTP."""
        settled, buffer, view, room = self._settled, self._buffer, self._view, self._room
        fields = RTP_FIELDS.unpack_from
        for number, _ in ready:
            port = settled.get(number)
            if port is None:
                self._receive_from_anybody(self._ports[number], now)
                continue
            try:
                size = port.receive(room)
            except OSError:  # nothing there after all (a bad checksum), or an ICMP error about what was sent
                continue
            target = port.rtp_exit
            if (
                size <= MAX_EVENT
                or not 128 <= buffer[0] < 192
                or 64 <= buffer[1] & 0x7F <= 95  # RTCP
                or not port.takes_short_path
                or port.latch.source is not port.peer
                or target is None
                or target.latch.destination is not target.peer
            ):
                self._pass(port, size, port.peer, now)
                continue
            port.packets += 1
            port.octets += size
            port.last_seen = now
            sequence, timestamp, ssrc = fields(buffer)
            port.reception.count(sequence, timestamp, ssrc, now)
            try:
                target.send(view[:size])
            except OSError:  # unreachable, no buffer, a firewall: RTP is not repeated
                port.unsent += 1

    def _receive_from_anybody(self, port: _SocketPort, now: float) -> None:
        had_private = port.private is not None
        self._take(port, port.socket, now)
        if port.private is not None and not had_private:
            # What is queued came before what will come to the private socket. That one may hold a packet of anybody,
            # from between its bind and its connect.
            for source in (port.socket, port.private):
                for _ in range(MAX_BACKLOG):
                    if not self._take(port, source, now):
                        break

    def _take(self, port: _SocketPort, source: socket.socket, now: float) -> bool:
        """Judge and pass on one packet; False when there is none."""
        try:
            size, sender = source.recvfrom_into(self._room)
        except OSError:
            return False
        self._pass(port, size, sender, now)
        return True

    def _pass(self, port: _SocketPort, size: int, source: SocketAddress, now: float) -> None:
        """Judge the packet in the buffer, count it, and take it to its exit: the path of everything else."""
        buffer = self._buffer
        is_rtp = port.carries_rtp and _is_rtp(buffer, size)
        if not is_rtp and not _may_pass(port, buffer, size):
            port.malformed += 1
            return
        is_rtcp_packet = port.carries_rtp and not is_rtp and buffer[0] >= 128
        is_known = source == port.latch.source
        if port.unprotector is not None and (is_rtp or is_rtcp_packet):
            # Nobody is learned by a packet that is not authentic, and a stranger's flood costs no deciphering.
            if not is_known and not port.latch.accepts(source, now):
                port.refused += 1
                return
            unprotect = port.unprotector.unprotect if is_rtp else port.unprotector.unprotect_rtcp
            size = unprotect(self._packet, size)
            if not size:
                port.forged += 1
                return
        if not is_known and not self._learn(port, source, now, is_rtp=is_rtp):
            port.refused += 1
            return
        port.packets += 1
        port.octets += size
        port.last_seen = now
        target = port.rtp_exit
        if is_rtp:
            sequence, timestamp, ssrc = RTP_FIELDS.unpack_from(buffer)
            port.reception.count(sequence, timestamp, ssrc, now)
            if port.digits is not None and buffer[1] & 0x7F in port.digits.types:
                port.digits.take(self._view[:size], timestamp)
            if port.blocked and buffer[1] & 0x7F in port.blocked:
                return
        elif is_rtcp_packet:
            target = port.rtcp_exit
            self._read_reports(port, target, size, now)
        if target is not None and target.protector is not None and (is_rtp or is_rtcp_packet):
            protect = target.protector.protect if is_rtp else target.protector.protect_rtcp
            size = protect(self._packet, size)
        if not size or not _send(target, self._view[:size]):
            port.unsent += 1

    def _read_reports(self, port: _SocketPort, target: _SocketPort | None, size: int, now: float) -> None:
        """Take from RTCP what the port's side says of its reception; a round trip begins with the other's report."""
        packet = self._view[:size]
        if (name := sender_report_time(packet)) is not None:
            port.sender_report = name, now
        for block in parse_reports(packet):
            port.report = block
            if target is not None and target.sender_report is not None and block.last_sr == target.sender_report[0]:
                round_trip_s = now - target.sender_report[1] - block.delay_since_last_sr / 65536
                port.round_trip_s = max(round_trip_s, 0.0)

    def _learn(self, port: _SocketPort, source: SocketAddress, now: float, *, is_rtp: bool) -> bool:
        """Ask the latch; a port that has learned a source of RTP gets its private socket."""
        if source == port.peer:
            source = port.peer  # the very object: the path of plain RTP compares by identity
        if not port.latch.admit(source, now):
            return False
        if is_rtp and source is not port.peer:
            self._unsettle(port)
            self._settle(port, source, now)
        return True

    def _settle(self, port: _SocketPort, source: SocketAddress, now: float) -> None:
        try:
            private = sockets.connect(port.socket, source)
        except OSError:  # too many open files, an address of another family: the first socket serves, only slower
            return
        if port.tos is not None:
            sockets.mark(private, port.tos)
        port.private, port.peer = private, source
        port.receive, port.send = private.recv_into, private.send
        self._settled[private.fileno()] = port
        self._epoll.register(private.fileno(), select.EPOLLIN)

    def _unsettle(self, port: _SocketPort) -> None:
        if port.private is not None:
            number = port.private.fileno()
            del self._settled[number]
            self._epoll.unregister(number)
            port.private.close()
            port.private, port.peer = None, _NOBODY


def _is_rtp(buffer: bytearray, size: int) -> bool:
    return size >= MIN_RTP and 128 <= buffer[0] < 192 and not is_rtcp(buffer[1])


def _may_pass(port: MediaPort, buffer: bytearray, size: int) -> bool:
    """Whether a packet that is not RTP has business here."""
    if not port.carries_rtp:
        return size > 0
    if size >= MIN_RTCP and 128 <= buffer[0] < 192 and is_rtcp(buffer[1]):
        return True
    return port.dtls and size > 0 and buffer[0] in _DTLS_FIRST_BYTES


def _send(target: _SocketPort | None, packet: memoryview) -> bool:
    if target is None or target.latch.destination is None:
        return False
    try:
        target.socket.sendto(packet, target.latch.destination)
    except OSError:
        return False
    return True
