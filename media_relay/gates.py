"""Block media, block DTMF: what is kept from passing, as RTP payload types that a port drops. Pure.

The payload types of DTMF events (RFC 4733) are those that the sender was last told to use.
"""

from typing import Final

from media_relay.call import Call, Dialogue, Side, Stream
from media_relay.ng.messages import NgError
from media_relay.ng.requests import Block, Gate
from sdp.document import Document
from sdp.errors import SdpError

_ALL_TYPES: Final = frozenset(range(128))
_DTMF: Final = "telephone-event"


def move_gate(call: Call, request: Block) -> None:
    """Note what a request closes or opens. Raises NgError when nobody is as it says."""
    for closed in _closed_sets(call, request):
        if request.is_closed:
            closed.add(request.gate)
        else:
            closed.discard(request.gate)


def apply_gates(call: Call, dialogue: Dialogue) -> list[Stream]:
    """Have the ports of a dialogue drop what is closed; the streams whose ports have changed."""
    changed = []
    for side in dialogue.sides:
        closed = call.closed | side.closed
        for position, stream in enumerate(side.streams):
            if stream is None:
                continue
            blocked = _blocked(closed, side, position) if closed and stream.rtp.carries_rtp else frozenset()
            if blocked != stream.rtp.blocked:
                stream.rtp.blocked = blocked
                stream.rtp.needs_userspace = True  # and stays there: what else may need it is not known here
                changed.append(stream)
    return changed


def _closed_sets(call: Call, request: Block) -> list[set[Gate]]:
    if not (request.from_tag or request.label or request.address):
        return [call.closed]
    found = [side.closed for side in call.sides if _is_meant(side, request)]
    if not found:
        raise NgError("no such participant")
    return found


def _is_meant(side: Side, request: Block) -> bool:
    if request.from_tag:
        return request.from_tag in side.tags
    if request.label:
        return request.label == side.label
    signalled = [stream.rtp.latch.signalled for stream in side.streams if stream is not None]
    return any(address is not None and address[0] == request.address for address in signalled)


def _blocked(closed: set[Gate], side: Side, position: int) -> frozenset[int]:
    if closed == {Gate.MEDIA, Gate.DTMF}:
        return _ALL_TYPES
    events = _dtmf_types(side, position)
    return events if Gate.DTMF in closed else _ALL_TYPES - events


def _dtmf_types(side: Side, position: int) -> frozenset[int]:
    try:
        section = Document.parse(side.last_sdp or b"").media[position]
        return frozenset(codec.payload_type for codec in section.codecs if codec.name.lower() == _DTMF)
    except (SdpError, IndexError):
        return frozenset()
