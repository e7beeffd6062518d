"""Which payload types carry the keys that a side presses, and having its ports look for them. Pure."""

from typing import Final

from media_relay.call import Call, Side, Stream
from media_relay.digits import Digits
from sdp.document import Document
from sdp.errors import SdpError

_TELEPHONE_EVENT: Final = "telephone-event"


def watch_digits(call: Call) -> list[Stream]:
    """Have every stream of a call watched for the events that its sender was told to use; those that have changed."""
    changed = []
    for side in call.sides:
        for position, stream in enumerate(side.streams):
            if stream is None:
                continue
            types = event_types(side, position)
            before = stream.rtp.digits
            if types == (before.types if before else frozenset()):
                continue
            stream.rtp.digits = Digits(types, stream.rtp.reception.rate) if types else None
            changed.append(stream)
    return changed


def event_types(side: Side, position: int) -> frozenset[int]:
    """Payload types with which a side sends events: what it was told last (RFC 3264 5.1)."""
    try:
        section = Document.parse(side.last_sdp or b"").media[position]
        return frozenset(codec.payload_type for codec in section.codecs if codec.name.lower() == _TELEPHONE_EVENT)
    except (SdpError, IndexError):
        return frozenset()
