"""What the internet sends to a SIP port: noise, cut and twisted messages, connections that say half a sentence."""

import random
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_PAUSE_S = 0.02
_DATAGRAMS_A_TURN = 10
_OPEN_CONNECTIONS = 50
"""How many half messages are left open at a time; the oldest is closed for a new one."""

_INVITE = (
    "INVITE sip:+493012345@{host} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bK{number};rport\r\n"
    'From: "Mallory" <sip:mallory@127.0.0.9>;tag={number}\r\n'
    "To: <sip:+493012345@{host}>\r\nCall-ID: {number}@127.0.0.9\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:mallory@127.0.0.9:5060>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)
_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Hostility:
    """Sends bad input to a SIP port, by UDP and TCP, from ``source`` until it is left. One seed, one sequence."""

    def __init__(self, target: tuple[str, int], source: str, seed: int) -> None:
        self._target = target
        self._source = source
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._datagrams, self._connections)]
        self._kinds: list[Callable[[], bytes]] = [self._noise, self._cut, self._twisted, self._lying, self._heavy]
        self.sent = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _datagrams(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((self._source, 0))
            while not self._stop.wait(_PAUSE_S):
                for _ in range(_DATAGRAMS_A_TURN):
                    sender.sendto(self._random.choice(self._kinds)(), self._target)
                    self.sent += 1

    def _connections(self) -> None:
        half_open: list[socket.socket] = []
        while not self._stop.wait(_PAUSE_S):
            if len(half_open) >= _OPEN_CONNECTIONS:
                half_open.pop(0).close()
            connection = socket.create_connection(self._target, source_address=(self._source, 0))
            half_open.append(connection)
            try:
                connection.sendall(self._random.choice(self._kinds)())
            except OSError:
                half_open.pop().close()  # Pinhole may well have closed a connection that began with noise
        for connection in half_open:
            connection.close()

    def _invite(self) -> bytes:
        number = self._random.getrandbits(64)
        host = f"{self._target[0]}:{self._target[1]}"
        return (_INVITE.format(host=host, number=number, length=len(_SDP)) + _SDP).encode()

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, 1400))

    def _cut(self) -> bytes:
        whole = self._invite()
        return whole[: self._random.randrange(1, len(whole) - len(_SDP))]

    def _twisted(self) -> bytes:
        message = bytearray(self._invite())
        for _ in range(self._random.randrange(1, 30)):
            message[self._random.randrange(len(message))] = self._random.randrange(256)
        return bytes(message)

    def _lying(self) -> bytes:
        length = self._random.choice((b"-1", b"4294967328", b"99999999999999999999", b"1, 2", b"", b"0x10"))
        return self._invite().replace(b"Content-Length: %d" % len(_SDP), b"Content-Length: " + length)

    def _heavy(self) -> bytes:
        head, separator, body = self._invite().partition(b"\r\n\r\n")
        line = self._random.choice(
            (b"\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx", b"\r\n ", b'\r\nTo: "', b"\r\nX:,,,,,,,,")
        )
        return (head + line * self._random.randrange(100, 1500) + separator + body)[:60_000]
