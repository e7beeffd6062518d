"""Keys that are pressed in a call, seen as they pass by: RFC 4733 telephone events. Pure."""

from collections import deque
from struct import Struct
from typing import Final, NamedTuple

from media_relay.rtp import MIN_RTP

KEYS: Final = "0123456789*#ABCD"
"""By event code (RFC 4733 3.2); other events (16, flash, and all of RFC 4734) are none."""
KEPT: Final = 64
"""Of the keys of a stream."""

_EVENT: Final = Struct("!BBH")
_END: Final = 0x80


class Digit(NamedTuple):
    """A key and how long it was held."""

    key: str
    duration_ms: int


class Digits:
    """The keys in one stream. ``types`` are the payload types of events, ``rate`` their clock.

    ``pressed`` holds the last ones, ``news`` those that nobody has taken yet.
    """

    __slots__ = ("_duration", "_key", "_timestamp", "news", "pressed", "rate", "types")

    def __init__(self, types: frozenset[int], rate: int) -> None:
        self.types = types
        self.rate = rate
        self.pressed: deque[str] = deque(maxlen=KEPT)
        self.news: deque[Digit] = deque(maxlen=KEPT)
        self._timestamp: int | None = None
        self._key = ""
        self._duration = 0

    def take(self, packet: bytes | memoryview, timestamp: int) -> None:
        """An event packet. An event is known by its timestamp; its last packet is repeated, any of them may be lost."""
        at = MIN_RTP + 4 * (packet[0] & 0x0F)
        if packet[0] & 0x10 or len(packet) < at + _EVENT.size:
            return  # a header extension in front of an event: nobody sends that
        code, flags, duration = _EVENT.unpack_from(packet, at)
        if code >= len(KEYS):
            return
        if timestamp != self._timestamp:
            self._report()
            self._timestamp, self._key = timestamp, KEYS[code]
        self._duration = duration
        if flags & _END:
            self._report()

    def _report(self) -> None:
        if self._key:
            self.pressed.append(self._key)
            self.news.append(Digit(self._key, self._duration * 1000 // self.rate))
            self._key = ""
