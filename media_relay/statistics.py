"""What the relay tells about a call: ng's ``query`` reply, as rtpengine lays it out. Pure.

Beside rtpengine's keys, a stream's ``stats`` has ``lost``, ``refused`` and ``jitter`` (milliseconds).
"""

from typing import Final

from media_relay.call import Call, Side, Stream
from media_relay.forwarding import MediaPort
from media_relay.latching import SocketAddress
from media_relay.ng.bencode import Encodable
from media_relay.ng.messages import Reply
from sdp.media import Direction


def describe(call: Call, epoch: float) -> Reply:
    """The body of a query or delete reply; ``epoch`` turns the relay's clock into Unix time."""
    streams = [stream for side in call.sides for stream in side.streams if stream is not None]
    created = int(call.created + epoch)
    return {
        "created": created,
        "last signal": int(call.last_signal + epoch),
        "tags": {
            side.tag: _describe_side(side, peer, created, epoch)
            for first, second in (dialogue.sides for dialogue in call.dialogues)
            for side, peer in ((first, second), (second, first))
            if side.tag
        },
        "totals": {
            "RTP": _sum([stream.rtp for stream in streams]),
            "RTCP": _sum([stream.rtcp for stream in streams]),
        },
    }


def _describe_side(side: Side, peer: Side, created: int, epoch: float) -> Encodable:
    return {
        "tag": side.tag,
        **({"label": side.label} if side.label else {}),
        "created": created,
        "in dialogue with": peer.tag,
        "medias": [
            _describe_stream(position, stream, epoch)
            for position, stream in enumerate(side.streams, start=1)
            if stream is not None
        ],
    }


_DIRECTIONS: Final = {
    Direction.SENDRECV: ("send", "recv"),
    Direction.SENDONLY: ("send",),
    Direction.RECVONLY: ("recv",),
    Direction.INACTIVE: (),
}


def _describe_stream(position: int, stream: Stream, epoch: float) -> Encodable:
    suite = stream.keying.remote.suite if stream.keying.remote else ""
    flags = ["initialized", *_DIRECTIONS[stream.direction]]
    if stream.muxed:
        flags.append("rtcp-mux")
    if suite:
        flags.append("SDES")
    return {
        "index": position,
        "type": stream.kind,
        "protocol": stream.protocol,
        "flags": flags,
        "streams": [_describe_port(stream.rtp, "RTP", suite, epoch), _describe_port(stream.rtcp, "RTCP", suite, epoch)],
    }


def _describe_port(port: MediaPort, kind: str, suite: str, epoch: float) -> Encodable:
    latch = port.latch
    description: dict[str, Encodable] = {
        "local port": port.port,
        "local address": port.address,
        "family": _family(port.address),
        "last packet": int(port.last_seen + epoch) if port.last_seen else 0,
        "flags": [kind, "filled", "confirmed"] if latch.source else [kind, "filled"],
        "stats": {
            "packets": port.packets,
            "bytes": port.octets,
            "errors": port.malformed + port.unsent,
            "lost": port.reception.lost,
            "refused": port.refused,
            "jitter": round(port.reception.jitter_ms),
        },
    }
    if latch.destination:
        description["endpoint"] = _describe_address(latch.destination)
    if latch.signalled:
        description["advertised endpoint"] = _describe_address(latch.signalled)
    if suite:
        description["crypto suite"] = suite
    return description


def _describe_address(address: SocketAddress) -> Encodable:
    return {"family": _family(address[0]), "address": address[0], "port": address[1]}


def _family(host: str) -> str:
    return "IPv6" if ":" in host else "IPv4"


def _sum(ports: list[MediaPort]) -> dict[str, Encodable]:
    return {
        "packets": sum(port.packets for port in ports),
        "bytes": sum(port.octets for port in ports),
        "errors": sum(port.malformed + port.unsent for port in ports),
    }
