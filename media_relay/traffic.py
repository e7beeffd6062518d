"""What the relay has carried since its start, calls that are over included, and how well it was received. Pure.

The counters of a port go with it, so they are tallied when it closes, and whenever somebody wants to know the totals.
Each tally adds what is new since the one before: the totals never fall.
"""

from collections.abc import Iterable
from typing import Final

from media_relay.call import Call, Stream
from media_relay.forwarding import MediaPort
from media_relay.monitoring.distribution import Distribution

COUNTERS: Final = ("packets", "octets", "lost", "refused", "malformed", "unsent")
"""What is added up, as `MediaPort` counts it; ``lost`` is its reception's."""

MOS_BOUNDS: Final = (1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.1, 4.2, 4.3, 4.4)
LOSS_BOUNDS: Final = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
JITTER_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)

_NOTHING: Final = (0,) * len(COUNTERS)


class Traffic:
    """Totals of all ports, and the distributions of loss, jitter and MOS over the streams that have ended."""

    def __init__(self) -> None:
        self._totals = list(_NOTHING)
        self.mos = Distribution(MOS_BOUNDS)
        self.loss = Distribution(LOSS_BOUNDS)
        self.jitter_s = Distribution(JITTER_BOUNDS)
        self.media_timeouts = 0

    @property
    def totals(self) -> dict[str, int]:
        """By the names of ``COUNTERS``."""
        return dict(zip(COUNTERS, self._totals, strict=True))

    def tally_calls(self, calls: Iterable[Call]) -> None:
        """Add what is new at the ports of live calls, whose counters are up to date."""
        for call in calls:
            for dialogue in call.dialogues:
                for side in dialogue.sides:
                    for stream in side.streams:
                        if stream is not None:
                            self._tally(stream.rtp)
                            self._tally(stream.rtcp)

    def end(self, stream: Stream) -> None:
        """A stream is about to be closed, its counters are up to date: the last tally, and how well it was heard."""
        self._tally(stream.rtp)
        self._tally(stream.rtcp)
        reception, received = stream.rtp.reception, stream.rtp.packets
        score = stream.mos
        if score is None:
            return
        loss = reception.lost / (received + reception.lost)
        self.loss.observe(loss)
        self.jitter_s.observe(reception.jitter_ms / 1000.0)
        self.mos.observe(score)

    def _tally(self, port: MediaPort) -> None:
        before = port.tallied or _NOTHING
        now = (port.packets, port.octets, port.reception.lost, port.refused, port.malformed, port.unsent)
        if now == before:
            return
        # Loss falls when a packet comes late after all; a total may not.
        port.tallied = tuple(map(max, now, before))
        for index, (new, old) in enumerate(zip(port.tallied, before, strict=True)):
            self._totals[index] += new - old
