"""Sockets that speak RTP to the relay under test."""

import socket
import struct
from collections.abc import Iterable

RECEIVE_S = 5.0


class Phone:
    """A UDP socket on loopback, with a counter for RTP sequence numbers."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(RECEIVE_S)
        self.host: str = host
        self.port: int = self.socket.getsockname()[1]
        self._sequence = 0

    def send(self, data: bytes, port: int, host: str = "") -> None:
        """Send to a port of the relay, on our own host unless told otherwise."""
        self.socket.sendto(data, (host or self.host, port))

    def send_rtp(self, port: int, host: str = "") -> bytes:
        """Send the next 20 ms of audio and return the packet."""
        packet = rtp(self._sequence)
        self._sequence += 1
        self.send(packet, port, host)
        return packet

    def receive(self) -> bytes:
        """The next packet; raises TimeoutError when none comes."""
        return self.socket.recv(65536)

    def receive_from(self) -> tuple[bytes, int]:
        """The next packet and the port it came from."""
        data, source = self.socket.recvfrom(65536)
        return data, source[1]

    @property
    def inbox(self) -> list[bytes]:
        """What has arrived by now."""
        packets = []
        self.socket.setblocking(False)
        try:
            while True:
                packets.append(self.socket.recv(65536))
        except BlockingIOError:
            return packets
        finally:
            self.socket.settimeout(RECEIVE_S)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def rtp(sequence: int, payload_type: int = 8, ssrc: int = 0x1234) -> bytes:
    """20 ms of PCMA."""
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, 160 * sequence, ssrc) + bytes(160)


def receiver_report(fraction_lost: int = 0, jitter: int = 0) -> bytes:
    """RTCP with one report block."""
    block = struct.pack("!IIIIII", 0x1234, fraction_lost << 24, 0, jitter, 0, 0)
    return struct.pack("!BBHI", 0x81, 201, 7, 1) + block


def close_all(phones: Iterable[Phone]) -> None:
    """Close every one."""
    for phone in phones:
        phone.close()
