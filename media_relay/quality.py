"""Loss and jitter of a received RTP stream (RFC 3550 A.1, A.3, A.8). Pure.

``Reception.count`` runs for every packet the relay forwards, so it keeps plain numbers and allocates nothing else.
"""

_MAX_GAP = 3000
"""Sequence numbers; a larger jump is a restarted sender and not loss (MAX_DROPOUT of RFC 3550 A.1)."""
_MAX_TRANSIT_STEP_S = 5.0
"""Seconds; a larger step of the transit time is a restarted clock and not jitter."""
_DEFAULT_CLOCK_RATE = 8000


class Reception:
    """The stream that arrives at one media port."""

    __slots__ = ("_base", "_highest", "_jitter", "_lost_before", "_received", "_ssrc", "_timestamp", "_transit", "rate")

    def __init__(self) -> None:
        self.rate = _DEFAULT_CLOCK_RATE
        self._ssrc = -1
        self._base = 1  # one above the highest: nothing received, nothing lost
        self._highest = 0  # extended: it goes on counting where the sequence number wraps
        self._received = 0
        self._lost_before = 0
        self._timestamp = -1
        self._transit = 0.0
        self._jitter = 0.0

    @property
    def lost(self) -> int:
        """Packets missing so far, over every SSRC that was seen."""
        return self._lost_before + max(0, self._highest - self._base + 1 - self._received)

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return self._jitter * 1000.0 / self.rate

    @property
    def ssrc(self) -> int | None:
        """The SSRC last seen; None before the first packet."""
        return self._ssrc if self._ssrc >= 0 else None

    @property
    def sequence(self) -> int:
        """The highest sequence number of this SSRC."""
        return self._highest & 0xFFFF

    def carry_over(self, lost: int) -> None:
        """Go on with what was missing at a port before this one."""
        self._lost_before += lost

    def set_clock_rate(self, rate: int) -> None:
        """Timestamp units a second of the negotiated codec; 0 (unknown) is taken as 8000."""
        self.rate = rate or _DEFAULT_CLOCK_RATE

    def count(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """Take a packet's header fields and its time of arrival in seconds."""
        step = (sequence - self._highest) & 0xFFFF
        if ssrc != self._ssrc or _MAX_GAP < step < 0x10000 - _MAX_GAP:
            self._restart(sequence, timestamp, ssrc, now)
            return
        self._received += 1
        if step < 0x8000:
            self._highest += step
        # Packets of one frame, and of one RFC 4733 event, share a timestamp but not a time of sending.
        if timestamp != self._timestamp:
            transit = now * self.rate - timestamp
            deviation = abs(transit - self._transit)
            if deviation < _MAX_TRANSIT_STEP_S * self.rate:
                self._jitter += (deviation - self._jitter) * 0.0625
            self._transit = transit
            self._timestamp = timestamp

    def _restart(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        self._lost_before = self.lost
        self._ssrc = ssrc
        self._base = self._highest = sequence
        self._received = 1
        self._timestamp = timestamp
        self._transit = now * self.rate - timestamp
