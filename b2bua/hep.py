"""A SIP message with its addresses and time, as capture servers such as Homer take it: HEP version 3. Pure.

The format is a header and chunks: vendor, type, length, value (github.com/sipcapture/HEP).
"""

from functools import lru_cache
from ipaddress import ip_address
from struct import Struct
from typing import Final, NamedTuple

MAX_PACKET: Final = 65507
"""What fits into a UDP datagram; of a longer message the beginning is sent."""

_IP_FAMILIES: Final = {4: 2, 16: 10}
"""As socket numbers (AF_INET, AF_INET6 of Linux), by the length of the address."""
_IP_PROTOCOLS: Final = {"UDP": 17, "TCP": 6}
_ADDRESS_TYPES: Final = {4: (3, 4), 16: (5, 6)}
_SIP: Final = 1

_CHUNK: Final = Struct("!HHH")
_CAPTURE_ID: Final = Struct("!HHHI")
_NODE_NAME: Final = 19
_PAYLOAD: Final = 15
# HEP3 and the whole length; then family, protocol, both addresses, both ports, seconds, microseconds, payload's type.
_HEAD: Final = {
    size: Struct(f"!4sH HHHB HHHB HHH{size}s HHH{size}s HHHH HHHH HHHI HHHI HHHB".replace(" ", "")) for size in (4, 16)
}


class Place(NamedTuple):
    """One end of a message's way."""

    host: str
    port: int


class HepEncoder:
    """Makes packets that name ``capture_id`` and ``node`` as their origin."""

    def __init__(self, capture_id: int, node: str) -> None:
        name = node.encode()
        self._origin = _CAPTURE_ID.pack(0, 12, 10, capture_id) + _CHUNK.pack(0, _NODE_NAME, 6 + len(name)) + name

    def encode(self, data: bytes, transport: str, source: Place, target: Place, time_s: float) -> bytes:
        """``data`` on its way from ``source`` to ``target``, at ``time_s`` of Unix time. Hosts are IP literals.

        Where the two are of different families (``[::]`` and an IPv4 peer), our wildcard becomes that of the peer.
        """
        from_host, to_host = packed(source.host), packed(target.host)
        if len(from_host) != len(to_host):
            from_host, to_host = (host if any(host) else bytes(20 - len(host)) for host in (from_host, to_host))
        size = len(from_host)
        if len(to_host) != size:
            raise ValueError(f"{source.host} cannot reach {target.host}")
        head = _HEAD[size]
        room = MAX_PACKET - head.size - len(self._origin) - _CHUNK.size
        payload = data[:room]
        length = head.size + len(self._origin) + _CHUNK.size + len(payload)
        from_type, to_type = _ADDRESS_TYPES[size]
        seconds = int(time_s)
        return b"".join(
            (
                head.pack(
                    *(b"HEP3", length),
                    *(0, 1, 7, _IP_FAMILIES[size]),
                    *(0, 2, 7, _IP_PROTOCOLS[transport]),
                    *(0, from_type, 6 + size, from_host),
                    *(0, to_type, 6 + size, to_host),
                    *(0, 7, 8, source.port),
                    *(0, 8, 8, target.port),
                    *(0, 9, 10, seconds),
                    *(0, 10, 10, int((time_s - seconds) * 1e6)),
                    *(0, 11, 7, _SIP),
                ),
                self._origin,
                _CHUNK.pack(0, _PAYLOAD, 6 + len(payload)),
                payload,
            )
        )


@lru_cache(maxsize=4096)
def packed(host: str) -> bytes:
    """An IP literal in network order. Raises ValueError."""
    return ip_address(host).packed
