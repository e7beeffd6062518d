"""The client's side of ng over UDP: cookies, retransmission, giving up. Pure; the owner's shell moves the datagrams.

Use::

    cookie = client.request({"command": "offer", ...}, now)
    for datagram in client.datagrams_to_send(now): socket.send(datagram)     # after request() and at next_deadline()
    for cookie, reply in client.receive(datagram, now): ...                  # whenever the socket is readable
    for cookie in client.expired(now): ...                                   # at next_deadline()

Every request ends in exactly one of ``receive`` and ``expired``. A retransmission is safe: the relay answers a cookie
that it knows from its cache. Replies are the decoded dictionaries: ``reply["result"]`` is ``b"ok"``, ``b"error"`` or
``b"pong"``; ``error_reason`` of ``media_relay.ng.messages`` tells why not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from media_relay.ng.bencode import Decoded, Encodable
from media_relay.ng.messages import NgFormatError, pack, unpack


@dataclass(slots=True)
class _Pending:
    datagram: bytes
    give_up: float
    interval: float


class NgClient:
    """Requests under way to one relay.

    ``cookie_prefix`` makes the cookies unlike those of every other client and of our own former life: a random word.
    A request is sent at once, again after ``retransmit_s`` and then at doubled intervals, and expires after
    ``timeout_s`` (both in seconds).
    """

    def __init__(self, cookie_prefix: str, *, retransmit_s: float = 0.25, timeout_s: float = 2.0) -> None:
        self._prefix = cookie_prefix
        self._retransmit_s = retransmit_s
        self._timeout_s = timeout_s
        self._last_number = 0
        self._pending: dict[str, _Pending] = {}
        self._deadlines: list[tuple[float, str]] = []  # a heap; entries of requests already answered are skipped
        self._to_send: list[bytes] = []
        self._expired: list[str] = []

    def request(self, message: Mapping[str, Encodable], now: float) -> str:
        """Queue a request for ``datagrams_to_send`` and return its cookie."""
        self._last_number += 1
        cookie = f"{self._prefix}{self._last_number}"
        datagram = pack(cookie.encode(), message)
        self._pending[cookie] = _Pending(datagram, now + self._timeout_s, self._retransmit_s)
        self._to_send.append(datagram)
        heappush(self._deadlines, (now + min(self._retransmit_s, self._timeout_s), cookie))
        return cookie

    def receive(self, datagram: bytes, now: float) -> list[tuple[str, dict[str, Decoded]]]:
        """The request that a datagram answers and its reply, or nothing for garbage, repetition and late replies."""
        try:
            cookie_bytes, reply = unpack(datagram)
        except NgFormatError:
            return []
        cookie = cookie_bytes.decode("ascii", "replace")
        if self._pending.pop(cookie, None) is None:
            return []
        return [(cookie, reply)]

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """New requests, and those to be sent again by ``now``."""
        self._advance(now)
        datagrams, self._to_send = self._to_send, []
        return datagrams

    def expired(self, now: float) -> list[str]:
        """Cookies of the requests given up by ``now``; each is told once."""
        self._advance(now)
        cookies, self._expired = self._expired, []
        return cookies

    def next_deadline(self) -> float | None:
        """When ``datagrams_to_send`` and ``expired`` have to be looked at again; None while nothing is under way."""
        while self._deadlines and self._deadlines[0][1] not in self._pending:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _advance(self, now: float) -> None:
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            _, cookie = heappop(self._deadlines)
            request = self._pending[cookie]
            if request.give_up <= now:
                del self._pending[cookie]
                self._expired.append(cookie)
                continue
            self._to_send.append(request.datagram)
            request.interval *= 2
            heappush(self._deadlines, (min(now + request.interval, request.give_up), cookie))
