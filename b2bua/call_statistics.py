"""What has become of the calls, counted: results, delays, durations. Pure.

Fed once a call, when it has ended; what is live is counted when somebody asks.
"""

from typing import Final

from b2bua.call.call import Call
from media_relay.monitoring.distribution import Distribution

DELAY_BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0)
DURATION_BOUNDS: Final = (1.0, 6.0, 15.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 14400.0)

TOLD_RESULTS: Final = (200, 403, 404, 408, 480, 484, 486, 487, 488, 500, 502, 503, 504, 600, 603)
"""Those that say something by themselves; all others are counted by their class, such as ``4xx``."""

_RESULTS: Final = {
    status: str(status) if status in TOLD_RESULTS else f"{status // 100}xx" for status in range(200, 700)
}


class CallStatistics:
    """Counts calls that are over. Trunks are those of the configuration and ``phones``, so there are few labels."""

    def __init__(self) -> None:
        self.ended: dict[tuple[str, str, str], int] = {}
        """By trunk, ``in`` (it called) or ``out`` (it was called) and result: every call once in each direction."""
        self.ended_by: dict[str, int] = {}
        """By ``a``, ``b`` or ``pinhole``."""
        self.setup_s = Distribution(DELAY_BOUNDS)
        """From A's INVITE to B's answer."""
        self.post_dial_delay_s: dict[str, Distribution] = {}
        """From A's INVITE to the first sign of ringing, by the trunk that was called."""
        self.duration_s = Distribution(DURATION_BOUNDS)
        """From the answer to the end."""

    def add(self, call: Call) -> None:
        """A call is over."""
        result = _RESULTS.get(call.status, "other")
        trunk_out = call.trunk_out
        ended = self.ended
        key = call.source, "in", result
        ended[key] = ended.get(key, 0) + 1  # a Counter takes twice as long
        if trunk_out:
            key = trunk_out, "out", result
            ended[key] = ended.get(key, 0) + 1
        self.ended_by[call.ended_by] = self.ended_by.get(call.ended_by, 0) + 1
        answered = call.answered
        if answered:
            self.setup_s.observe(answered - call.created)
            self.duration_s.observe(call.ended - answered)
        rang = call.ringing or answered
        if rang:
            delays = self.post_dial_delay_s.get(trunk_out)
            if delays is None:
                delays = self.post_dial_delay_s[trunk_out] = Distribution(DELAY_BOUNDS)
            delays.observe(rang - call.created)
