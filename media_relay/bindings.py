"""The relay's keys in Redis and what stands in them. Pure.

======================== ======= ===============================================================================
``call:{ID}:bindings``   hash    per stream and side: see ``call_fields``; until the call ends, under a lease
``call:{ID}:resume``     hash    what a restarted relay needs (`media_relay.resumption`): ``shape``, sealed if there is
                                 a cluster key, and ``progress``, both in base64; the same lease
``relay:{NAME}``         hash    heartbeat of a relay process: role, ng address, calls, ports, version, time
``relay:{NAME}:calls``   set     the calls of a relay, for its next start
``relay:{NAME}:events``  stream  ``event=media-timeout call=ID``, ``event=dtmf call=ID leg=a digit=5
                                 duration_ms=100``; the newest 1000
======================== ======= ===============================================================================

The braces are part of the key: they are the hash tag that keeps all keys of a call on one shard of a Cluster.
A configured prefix goes in front.
"""

import re
from collections.abc import Iterator

from media_relay.call import Call, Dialogue, Stream
from media_relay.digits import Digit
from media_relay.latching import SocketAddress

EVENTS_KEPT = 1000
MEDIA_TIMEOUT = "media-timeout"
DTMF = "dtmf"

_LEG_IN_TAG = re.compile(r"(?:^|-)([ab])\d*$")


def bindings_key(prefix: str, call_id: str) -> str:
    """The hash of a call's bindings."""
    return f"{prefix}call:{{{call_id}}}:bindings"


def resume_key(prefix: str, call_id: str) -> str:
    """The hash from which a call goes on after a restart."""
    return f"{prefix}call:{{{call_id}}}:resume"


def calls_key(prefix: str, node: str) -> str:
    """The set of a relay's calls."""
    return f"{prefix}relay:{{{node}}}:calls"


def relay_key(prefix: str, node: str) -> str:
    """The heartbeat of a relay."""
    return f"{prefix}relay:{{{node}}}"


def events_key(prefix: str, node: str) -> str:
    """The stream in which a relay tells what has happened to calls."""
    return f"{prefix}relay:{{{node}}}:events"


def call_fields(call: Call, epoch: float) -> dict[str, str]:
    """A call's bindings, such as ``audio0.a.peer``: kind and position of the m= line, leg, what.

    ``local`` is our address and port towards the leg, ``peer`` where its media comes from and goes to (empty while
    unknown), ``rtcp`` the same for RTCP (``mux`` when it shares the port), ``codec`` the negotiated one.
    Of what arrives from the leg: ``packets``, ``bytes``, ``lost``, ``refused`` (from other sources), ``jitter_ms``,
    ``last_seen`` (Unix time, empty for never), ``rtt_ms`` (from here to the leg and back, empty while unknown), ``mos``
    (as the relay hears the leg, empty while it has heard little) and ``digits`` (keys pressed, the last 64).
    Further branches of a forked call have ``fork1.`` and so on in front.
    """
    fields: dict[str, str] = {}
    for number, dialogue in enumerate(call.dialogues):
        fork = f"fork{number}." if number else ""
        for name, stream in _named_streams(dialogue):
            fields.update((f"{fork}{name}.{what}", value) for what, value in _stream_fields(stream, epoch))
    return fields


def packets_seen(call: Call) -> int:
    """A number that changes whenever the counters of a call do."""
    return sum(
        stream.rtp.packets + stream.rtp.refused + stream.rtcp.packets
        for dialogue in call.dialogues
        for _, *pair in dialogue.stream_pairs()
        for stream in pair
    )


def take_digits(call: Call) -> Iterator[tuple[str, Digit]]:
    """The keys that were pressed since the last call, each with its leg."""
    for dialogue in call.dialogues:
        for _, *pair in dialogue.stream_pairs():
            for leg, stream in zip(_legs(dialogue), pair, strict=True):
                while stream.rtp.digits is not None and stream.rtp.digits.news:
                    yield leg, stream.rtp.digits.news.popleft()


def _named_streams(dialogue: Dialogue) -> Iterator[tuple[str, Stream]]:
    legs = _legs(dialogue)
    for position, *pair in dialogue.stream_pairs():
        for leg, stream in zip(legs, pair, strict=True):
            yield f"{stream.kind}{position}.{leg}", stream


def _legs(dialogue: Dialogue) -> tuple[str, str]:
    """``a`` and ``b``: as our B2BUA's tags say, else a is who made the first offer.

    In a call without an SDP in its INVITE that is the called side, so the tags are asked first.
    """
    named = [_LEG_IN_TAG.search(side.tag) for side in dialogue.sides]
    if named[0] and named[1] and named[0][1] == "b" and named[1][1] == "a":
        return "b", "a"
    return "a", "b"


def _stream_fields(stream: Stream, epoch: float) -> Iterator[tuple[str, str]]:
    rtp = stream.rtp
    yield "local", _host_and_port((rtp.address, rtp.port))
    yield "peer", _host_and_port(rtp.latch.destination)
    yield "rtcp", "mux" if stream.muxed else _host_and_port(stream.rtcp.latch.destination)
    yield "codec", stream.codec
    yield "packets", str(rtp.packets)
    yield "bytes", str(rtp.octets)
    yield "lost", str(rtp.reception.lost)
    yield "refused", str(rtp.refused)
    yield "jitter_ms", f"{rtp.reception.jitter_ms:.1f}"
    yield "last_seen", f"{rtp.last_seen + epoch:.3f}" if rtp.last_seen else ""
    yield "rtt_ms", f"{stream.round_trip_s * 1000:.0f}" if stream.round_trip_s else ""
    yield "mos", f"{score:.2f}" if (score := stream.mos) is not None else ""
    yield "digits", "".join(rtp.digits.pressed) if rtp.digits else ""


def _host_and_port(address: SocketAddress | None) -> str:
    if address is None:
        return ""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
