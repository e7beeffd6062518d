"""The relay's metrics, gathered from what its parts count anyway. Shell."""

import asyncio
from collections.abc import Iterator
from typing import Final

from media_relay.monitoring.families import Metric, counter, counters, gauge, gauges, histogram
from media_relay.monitoring.process import ProcessMetrics
from media_relay.ng.service import NgService
from media_relay.publisher import Publisher
from media_relay.session import Relay

CALLS_PER_STEP: Final = 50
"""Calls whose counters are read at once: less than a millisecond, for which media waits."""


class RelayMetrics:
    """``publisher`` is None where nothing is published in Redis."""

    def __init__(self, process: ProcessMetrics, relay: Relay, service: NgService, publisher: Publisher | None) -> None:
        self._process = process
        self._relay = relay
        self._service = service
        self._publisher = publisher

    async def collect(self) -> list[Metric]:
        """Everything, as it is now."""
        relay = self._relay
        calls = list(relay.calls.values())
        for start in range(0, len(calls), CALLS_PER_STEP):
            # A call that has ended meanwhile was tallied as it ended, and its streams are gone from it.
            batch = calls[start : start + CALLS_PER_STEP]
            relay.refresh(*batch)
            relay.traffic.tally_calls(batch)
            await asyncio.sleep(0)
        return [*self._process.families(), *self._calls(), *self._media(), *self._redis()]

    def _calls(self) -> Iterator[Metric]:
        interfaces = self._relay.interfaces
        yield gauge("pinhole_relay_calls", "Calls with ports open.", len(self._relay.calls))
        pairs = {"used": float(interfaces.ports_used), "total": float(interfaces.ports_total)}
        yield gauges(
            "pinhole_relay_port_pairs", "RTP and RTCP port pairs: in use, and all there are.", ["state"], pairs
        )
        yield counters(
            "pinhole_relay_commands",
            "ng commands by name and outcome (ok, exhausted: no ports left, error).",
            ["command", "outcome"],
            self._service.served,
        )

    def _media(self) -> Iterator[Metric]:
        traffic = self._relay.traffic
        totals = traffic.totals
        yield counter("pinhole_relay_packets", "Packets passed on, RTP and RTCP.", totals["packets"])
        yield counter("pinhole_relay_bytes", "UDP payload passed on.", totals["octets"])
        yield counter("pinhole_relay_packets_lost", "Packets missing in what arrived.", totals["lost"])
        dropped = {name: float(totals[name]) for name in ("refused", "malformed", "unsent")}
        yield counters(
            "pinhole_relay_packets_dropped",
            "Packets not passed on: from a stranger (refused), no RTP (malformed), nowhere to go (unsent).",
            ["reason"],
            dropped,
        )
        yield histogram("pinhole_relay_mos", "Estimated MOS of each audio stream that ended.", traffic.mos)
        yield histogram(
            "pinhole_relay_loss_ratio", "Share of packets lost of each audio stream that ended.", traffic.loss
        )
        yield histogram("pinhole_relay_jitter_seconds", "Jitter of each audio stream that ended.", traffic.jitter_s)
        yield counter("pinhole_relay_media_timeouts", "Calls whose media fell silent.", traffic.media_timeouts)

    def _redis(self) -> Iterator[Metric]:
        if self._publisher is not None:
            yield gauge("pinhole_redis_connected", "Whether Redis takes our writes.", self._publisher.is_connected)
            yield gauge("pinhole_redis_pending_calls", "Calls with news that Redis has not.", self._publisher.pending)
