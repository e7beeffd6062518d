"""What the relay tells about a call: ng's ``query`` reply, as rtpengine lays it out. Pure.

Beside rtpengine's keys, a stream's ``stats`` has ``lost``, ``refused`` and ``jitter`` (milliseconds).
"""

from media_relay.call import Call, Side, Stream
from media_relay.forwarding import MediaPort
from media_relay.ng.bencode import Encodable
from media_relay.ng.messages import Reply


def describe(call: Call, epoch: float) -> Reply:
    """The body of a query or delete reply; ``epoch`` turns the relay's clock into Unix time."""
    sides = [side for dialogue in call.dialogues for side in dialogue.sides]
    streams = [stream for side in sides for stream in side.streams if stream is not None]
    return {
        "created": int(call.created + epoch),
        "last signal": int(call.last_signal + epoch),
        "tags": {side.tag: _describe_side(side, epoch) for side in sides if side.tag},
        "totals": {
            "RTP": _sum([stream.rtp for stream in streams]),
            "RTCP": _sum([stream.rtcp for stream in streams]),
        },
    }


def _describe_side(side: Side, epoch: float) -> Encodable:
    return {
        "tag": side.tag,
        "medias": [
            _describe_stream(position, stream, epoch)
            for position, stream in enumerate(side.streams, start=1)
            if stream is not None
        ],
    }


def _describe_stream(position: int, stream: Stream, epoch: float) -> Encodable:
    return {
        "index": position,
        "type": stream.kind,
        "protocol": stream.protocol,
        "flags": ["rtcp-mux"] if stream.muxed else [],
        "streams": [_describe_port(stream.rtp, epoch), _describe_port(stream.rtcp, epoch)],
    }


def _describe_port(port: MediaPort, epoch: float) -> Encodable:
    description: dict[str, Encodable] = {
        "local address": port.address,
        "local port": port.port,
        "last packet": int(port.last_seen + epoch) if port.last_seen else 0,
        "flags": ["confirmed"] if port.latch.source else [],
        "stats": {
            **_sum([port]),
            "lost": port.reception.lost,
            "refused": port.refused,
            "jitter": round(port.reception.jitter_ms),
        },
    }
    if destination := port.latch.destination:
        host, number = destination[0], destination[1]
        family = "IPv6" if ":" in host else "IPv4"
        description["endpoint"] = {"family": family, "address": host, "port": number}
    return description


def _sum(ports: list[MediaPort]) -> dict[str, Encodable]:
    return {
        "packets": sum(port.packets for port in ports),
        "bytes": sum(port.octets for port in ports),
        "errors": sum(port.malformed + port.unsent for port in ports),
    }
