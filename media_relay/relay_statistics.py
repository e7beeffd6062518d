"""ng's ``statistics`` reply: the relay as a whole, as rtpengine lays it out. Pure.

What rtpengine's reply has and a relay without transcoding, sharing or per-proxy books cannot know is left out.
"""

import math
from collections.abc import Mapping

from media_relay.call import Call
from media_relay.interfaces import LocalInterfaces
from media_relay.ng.bencode import Encodable


class Tally:
    """Counts calls from the start of the process; durations in seconds."""

    __slots__ = ("_squares", "ended", "rejected", "total_s")

    def __init__(self) -> None:
        self.ended = 0
        self.rejected = 0
        self.total_s = 0.0
        self._squares = 0.0

    def end(self, duration_s: float) -> None:
        """A call is over."""
        self.ended += 1
        self.total_s += duration_s
        self._squares += duration_s * duration_s

    @property
    def mean_s(self) -> float:
        """Of the calls that are over."""
        return self.total_s / self.ended if self.ended else 0.0

    @property
    def deviation_s(self) -> float:
        """Standard deviation of the duration."""
        if not self.ended:
            return 0.0
        return math.sqrt(max(self._squares / self.ended - self.mean_s**2, 0.0))


def describe_relay(
    tally: Tally, calls: Mapping[str, Call], interfaces: LocalInterfaces, traffic: Mapping[str, int], uptime_s: float
) -> Encodable:
    """The ``statistics`` of the reply; ``traffic`` are the totals of ``media_relay.traffic``."""
    return {
        "currentstatistics": {
            "sessionsown": len(calls),
            "sessionsforeign": 0,
            "sessionstotal": len(calls),
            "transcodedmedia": 0,
        },
        "totalstatistics": {
            "uptime": str(int(uptime_s)),
            "managedsessions": tally.ended,
            "rejectedsessions": tally.rejected,
            "timeoutsessions": 0,
            "regularterminatedsessions": tally.ended,
            "forcedterminatedsessions": 0,
            "relayedpackets": traffic["packets"],
            "relayedpacketerrors": traffic["malformed"] + traffic["unsent"],
            "relayedbytes": traffic["octets"],
            "avgcallduration": f"{tally.mean_s:.6f}",
            "totalcallsduration": f"{tally.total_s:.6f}",
            "totalcallsduration_stddev": f"{tally.deviation_s:.6f}",
        },
        "interfaces": [
            {
                "name": use.name,
                "address": use.address,
                "ports": {
                    "min": use.first,
                    "max": use.last,
                    "used": 2 * use.used,
                    "used_pct": f"{100 * use.used / use.total:.2f}",
                    "free": 2 * (use.total - use.used),
                    "totals": 2 * use.total,
                },
            }
            for use in interfaces.uses()
        ],
    }
