"""A call in a form that can be stored, and back: so that it outlives the process that relays it. Pure.

It is stored in two parts. The *shape* (tags, streams, ports, keys) changes with the signalling and is secret if the
call is encrypted; the *progress* (learned sources, counters, rollover counters) changes with the media and is not.
Times are stored as Unix time: ``epoch`` is what to add to the relay's clock for that.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgpack

from media_relay.call import Call, Dialogue, Side, Stream
from media_relay.forwarding import MediaPort
from media_relay.interfaces import LocalInterfaces, UnknownInterfaceError
from media_relay.latching import Saved
from media_relay.ng.requests import Gate
from media_relay.ports import PortsExhaustedError
from media_relay.secure.sdes import Keying
from media_relay.secure.srtp import Position
from sdp.errors import SdpError
from sdp.keying import Crypto
from sdp.media import Direction

_VERSION: Final = 1
_SIDE_FIELDS: Final = ("interface_name", "family", "received_from", "media_address", "label")
_STREAM_FIELDS: Final = ("kind", "protocol", "codec", "is_silent", "mux_offered", "muxed")
_KEYING_FIELDS: Final = ("profile", "is_required", "is_agreed", "own")
_COUNTERS: Final = ("packets", "octets", "refused", "malformed", "forged", "unsent")


class ResumptionError(Exception):
    """A stored call cannot go on here; the text says why."""


def is_secret(call: Call) -> bool:
    """Whether a call's shape has keys in it."""
    return any(
        keying.proposed or keying.offered or keying.remote
        for side in call.sides
        for stream in side.streams
        if stream is not None
        for keying in (stream.keying,)
    ) or any(b"a=crypto" in (side.last_sdp or b"") for side in call.sides)


def pack_shape(call: Call, epoch: float) -> bytes:
    """All of a call but its progress."""
    stored = {
        "version": _VERSION,
        "created": call.created + epoch,
        "last_signal": call.last_signal + epoch,
        "is_checked": call.next_check is not None,
        "tos": call.tos,
        "metadata": call.metadata,
        "closed": _gate_names(call.closed),
        "dialogues": [_pack_dialogue(dialogue, epoch) for dialogue in call.dialogues],
    }
    return bytes(msgpack.packb(stored, unicode_errors="surrogateescape"))


def pack_progress(call: Call, epoch: float) -> bytes:
    """What has happened at a call's ports, in the order of its streams."""
    return bytes(msgpack.packb([_pack_stream_progress(*pair, epoch) for pair in _streams(call)]))


def unpack_call(
    call_id: str,
    shape: bytes,
    progress: bytes,
    interfaces: LocalInterfaces,
    wire: Callable[[Call, Stream, Stream], None],
    epoch: float,
    now: float,
) -> Call:
    """A stored call, its ports bound, restored and wired. ``progress`` may be empty.

    Raises ResumptionError, and then no port is left open.
    """
    call = Call(call_id, now)
    try:
        _unpack_shape(call, _unpack(shape), interfaces, epoch, now)
        if progress:
            streams = list(_streams(call))
            for pair, stored in zip(streams, _unpack(progress), strict=True):
                _unpack_stream_progress(pair[0], stored, epoch)
        for dialogue in call.dialogues:
            for _, first, second in dialogue.stream_pairs():
                wire(call, first, second)
    except (PortsExhaustedError, UnknownInterfaceError, SdpError) as error:
        _close(call, interfaces, now)
        raise ResumptionError(str(error)) from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        _close(call, interfaces, now)
        raise ResumptionError(f"stored in a form that is not understood: {type(error).__name__}") from error
    return call


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, unicode_errors="surrogateescape", strict_map_key=False)


def _streams(call: Call) -> Iterator[tuple[Stream, Stream | None]]:
    """Each stream, and the one that faces the other side."""
    for dialogue in call.dialogues:
        for first, second in zip(dialogue.sides[0].streams, dialogue.sides[1].streams, strict=True):
            if first is not None:
                yield first, second
            if second is not None:
                yield second, first


def _close(call: Call, interfaces: LocalInterfaces, now: float) -> None:
    for side in call.sides:
        for stream in side.streams:
            if stream is not None:
                interfaces.close_pair(stream.rtp, stream.rtcp, now)


def _pack_dialogue(dialogue: Dialogue, epoch: float) -> dict[str, Any]:
    return {
        "via_branch": dialogue.via_branch,
        "offerer": dialogue.offerer,
        "answered": dialogue.answered,
        "mux_words": sorted(dialogue.mux_words),
        "ends_at": None if dialogue.ends_at is None else dialogue.ends_at + epoch,
        "sides": [_pack_side(side) for side in dialogue.sides],
    }


def _pack_side(side: Side) -> dict[str, Any]:
    return {
        "session_id": side.session_id,
        "tags": side.tags,
        "closed": _gate_names(side.closed),
        "streams": [None if stream is None else _pack_stream(stream) for stream in side.streams],
        "last_sdp": side.last_sdp,
        **{name: getattr(side, name) for name in _SIDE_FIELDS},
    }


def _pack_stream(stream: Stream) -> dict[str, Any]:
    return {
        "interface": [stream.interface.name, stream.interface.address],
        "port": stream.rtp.port,
        "direction": stream.direction,
        "clock_rate": stream.rtp.reception.rate,
        "blocked": sorted(stream.rtp.blocked),
        "needs_userspace": stream.rtp.needs_userspace,
        "keying": _pack_keying(stream.keying),
        **{name: getattr(stream, name) for name in _STREAM_FIELDS},
    }


def _pack_keying(keying: Keying) -> dict[str, Any]:
    return {
        "proposed": [_pack_crypto(line) for line in keying.proposed],
        "offered": [_pack_crypto(line) for line in keying.offered],
        "remote": keying.remote and _pack_crypto(keying.remote),
        "local": keying.local and _pack_crypto(keying.local),
        **{name: getattr(keying, name) for name in _KEYING_FIELDS},
    }


def _pack_crypto(line: Crypto) -> list[Any]:
    return [line.tag, line.suite, line.key_params, line.session_params]


def _gate_names(gates: set[Gate]) -> list[str]:
    return sorted(gate.name for gate in gates)


def _unpack_shape(call: Call, stored: Any, interfaces: LocalInterfaces, epoch: float, now: float) -> None:
    if stored["version"] != _VERSION:
        raise ValueError("another version")
    call.created, call.last_signal = stored["created"] - epoch, stored["last_signal"] - epoch
    call.next_check = now if stored["is_checked"] else None
    call.tos, call.metadata = stored["tos"], stored["metadata"]
    call.closed = {Gate[name] for name in stored["closed"]}
    for each in stored["dialogues"]:
        first, second = (_new_side(side) for side in each["sides"])
        dialogue = Dialogue((first, second), each["via_branch"])
        dialogue.offerer, dialogue.answered = each["offerer"], each["answered"]
        dialogue.mux_words = frozenset(each["mux_words"])
        dialogue.ends_at = None if each["ends_at"] is None else each["ends_at"] - epoch
        # In the call before its ports are bound: whatever is bound when something fails can be found there.
        call.dialogues.append(dialogue)
        for side, stored_side in zip(dialogue.sides, each["sides"], strict=True):
            side.streams = [None] * len(stored_side["streams"])
        for side, stored_side in zip(dialogue.sides, each["sides"], strict=True):
            for position, stream in enumerate(stored_side["streams"]):
                if stream is not None:
                    name, address = stream["interface"]
                    opened = Stream(*interfaces.reopen_pair(name, address, stream["port"]))
                    side.streams[position] = opened
                    _restore_stream(opened, stream)


def _new_side(stored: Any) -> Side:
    side = Side(stored["session_id"], tuple(stored["tags"]))
    side.closed = {Gate[name] for name in stored["closed"]}
    _restore(side, _SIDE_FIELDS, stored)
    if not isinstance(stored["last_sdp"], bytes | None):
        raise TypeError("last_sdp")
    side.last_sdp = stored["last_sdp"]
    return side


def _restore(target: object, names: Iterable[str], stored: Any) -> None:
    """Set what is stored under these names, if it is of the type that stands there now."""
    for name in names:
        if type(stored[name]) is not type(getattr(target, name)):
            raise TypeError(name)
        setattr(target, name, stored[name])


def _restore_stream(stream: Stream, stored: Any) -> None:
    _restore(stream, _STREAM_FIELDS, stored)
    stream.direction = Direction(stored["direction"])
    stream.rtp.reception.set_clock_rate(stored["clock_rate"])
    stream.rtp.blocked = frozenset(stored["blocked"])
    stream.rtp.needs_userspace = stored["needs_userspace"]
    keying, stored_keying = stream.keying, stored["keying"]
    _restore(keying, _KEYING_FIELDS, stored_keying)
    keying.proposed = tuple(map(_unpack_crypto, stored_keying["proposed"]))
    keying.offered = tuple(map(_unpack_crypto, stored_keying["offered"]))
    keying.remote, keying.local = (
        None if line is None else _unpack_crypto(line) for line in (stored_keying["remote"], stored_keying["local"])
    )


def _unpack_crypto(stored: Any) -> Crypto:
    tag, suite, key_params, session_params = stored
    return Crypto(tag, suite, key_params, tuple(session_params))


def _pack_stream_progress(stream: Stream, peer: Stream | None, epoch: float) -> list[Any]:
    """RTP and RTCP from the side, and how far the encrypted streams from it and to it are.

    What it is sent has the numbers with which that came from the other side.
    """
    arriving, leaving = stream.rtp.unprotector, stream.rtp.protector
    came, went = stream.rtp.reception, peer.rtp.reception if peer else stream.rtp.reception
    return [
        _pack_port(stream.rtp, epoch),
        _pack_port(stream.rtcp, epoch),
        arriving.positions(came.ssrc, came.sequence) if arriving else stream.keying.arrived,
        leaving.positions(went.ssrc, went.sequence) if leaving else stream.keying.left,
    ]


def _pack_port(port: MediaPort, epoch: float) -> list[Any]:
    last_seen = port.last_seen and port.last_seen + epoch
    return [port.latch.save(), last_seen, port.reception.lost, *(getattr(port, name) for name in _COUNTERS)]


def _unpack_stream_progress(stream: Stream, stored: Any, epoch: float) -> None:
    rtp, rtcp, arrived, left = stored
    for port, (latch, last_seen, lost, *counters) in ((stream.rtp, rtp), (stream.rtcp, rtcp)):
        port.latch.restore(Saved(*latch))
        port.last_seen = last_seen and last_seen - epoch
        port.reception.carry_over(lost)
        for name, value in zip(_COUNTERS, counters, strict=True):
            setattr(port, name, value)
    stream.keying.arrived = {ssrc: Position(*position) for ssrc, position in arrived.items()}
    stream.keying.left = {ssrc: Position(*position) for ssrc, position in left.items()}
