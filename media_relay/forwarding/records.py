"""The values of the maps that ``relay.bpf.c`` shares with us, as bytes. Pure.

Hosts are 16 bytes in network order, IPv4 as ``::ffff:192.0.2.1``. Numbers but for ports are in the machine's own order.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from struct import Struct
from typing import Final, NamedTuple

from media_relay.latching import SocketAddress

_ENDPOINT: Final = Struct("=16s2sH")
_STREAM: Final = Struct("=IIIIIII20s16s16s20s20s20s20s16sI4xQ")
_STATE: Final = Struct("=4xI20s20sQQQQQIIIIIIiIII")
_SLOT: Final = Struct("=I")

ENDPOINT_SIZE: Final = _ENDPOINT.size
SLOT_SIZE: Final = _SLOT.size
STREAM_SIZE: Final = _STREAM.size
STATE_SIZE: Final = _STATE.size

_MAPPED: Final = bytes(10) + b"\xff\xff"
_NO_HOST: Final = bytes(16)
_NO_ENDPOINT: Final = bytes(ENDPOINT_SIZE)
_PACKED_HOSTS: Final = 65536

NS_PER_S: Final = 1_000_000_000
_MAX_U32: Final = 0xFFFFFFFF


class NextHop(NamedTuple):
    """The neighbour that packets to ``destination`` are handed to. ``mtu`` is in bytes of the IP packet."""

    destination: str
    host: str
    ifindex: int
    mtu: int


class Exit(NamedTuple):
    """The port from which packets leave, as the port where they arrive is told of it."""

    address: SocketAddress
    slot: int
    generation: int
    destination: SocketAddress | None
    next_hop: NextHop | None


class Stream(NamedTuple):
    """What the program is told about a port: ``struct stream``. Names are those of ``Latch`` and ``MediaPort``."""

    slot: int
    generation: int
    clock_rate: int
    exit: Exit | None
    source: SocketAddress | None
    destination: SocketAddress | None
    signalled: SocketAddress | None
    hint: str | None
    trust: int
    open_until: float

    def to_bytes(self) -> bytes:
        """``struct stream``."""
        way_out = self.exit
        hop = way_out.next_hop if way_out else None
        return _STREAM.pack(
            self.slot,
            self.generation & _MAX_U32,
            self.clock_rate,
            way_out.slot if way_out else 0,
            way_out.generation & _MAX_U32 if way_out else 0,
            hop.ifindex if hop else 0,
            hop.mtu if hop else 0,
            pack_endpoint(way_out.address if way_out else None),
            _pack_host(hop.host) if hop else _NO_HOST,
            _pack_host(hop.destination) if hop else _NO_HOST,
            pack_endpoint(way_out.destination if way_out else None),
            pack_endpoint(self.source),
            pack_endpoint(self.destination),
            pack_endpoint(self.signalled),
            _pack_host(self.hint) if self.hint else _NO_HOST,
            self.trust,
            int(self.open_until * NS_PER_S),
        )


class State(NamedTuple):
    """What the program has seen at a port: ``struct state``. The last ten are those of ``Reception``."""

    generation: int = 0
    destination: bytes = _NO_ENDPOINT
    source: bytes = _NO_ENDPOINT
    packets: int = 0
    octets: int = 0
    last_seen_ns: int = 0
    refused: int = 0
    unsent: int = 0
    trust: int = 0
    has_ssrc: int = 0
    ssrc: int = 0
    base: int = 0
    highest: int = 0
    received: int = 0
    lost_before: int = 0
    timestamp: int = 0
    transit: int = 0
    jitter_16ths: int = 0

    @staticmethod
    def from_bytes(data: bytes) -> "State":
        """The inverse of ``to_bytes``."""
        return State._make(_STATE.unpack(data))

    def to_bytes(self) -> bytes:
        """``struct state``, its lock free."""
        return _STATE.pack(*self)


def pack_slot(slot: int) -> bytes:
    """The key of a state."""
    return _SLOT.pack(slot)


def pack_endpoint(endpoint: SocketAddress | None) -> bytes:
    """``struct endpoint``: the key of a stream, too."""
    if endpoint is None:
        return _NO_ENDPOINT
    return _ENDPOINT.pack(_pack_host(endpoint[0]), endpoint[1].to_bytes(2, "big"), 1)


def unpack_endpoint(data: bytes) -> SocketAddress | None:
    """The inverse of ``pack_endpoint``; None for one that is not known."""
    host, port, is_known = _ENDPOINT.unpack(data)
    if not is_known:
        return None
    address = IPv6Address(host)
    return str(address.ipv4_mapped or address), int.from_bytes(port, "big")


@lru_cache(_PACKED_HOSTS)
def _pack_host(host: str) -> bytes:
    packed = ip_address(host).packed
    return packed if len(packed) == len(_NO_HOST) else _MAPPED + packed
