"""The results of a repeated probe as metrics."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from ops.probe import Result
from ops.settings.values import HostPort


class ProbeMetrics:
    """Results for Prometheus, served by threads of their own: a slow scrape holds up no call."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._success = Gauge("pinhole_probe_success", "Whether the last call was good.", registry=registry)
        self._time = Gauge("pinhole_probe_last_call_timestamp_seconds", "When it ended.", registry=registry)
        self._setup = Gauge("pinhole_probe_setup_seconds", "From the call to its answer.", registry=registry)
        self._calls = Counter("pinhole_probe_calls", "Calls placed, by result.", ["result"], registry=registry)
        self._mos = _by_listener("pinhole_probe_mos", "Estimated MOS.", registry)
        self._loss = _by_listener("pinhole_probe_loss_ratio", "Share of packets lost or too late.", registry)
        self._jitter = _by_listener("pinhole_probe_jitter_seconds", "Mean jitter.", registry)
        self._round_trip = _by_listener("pinhole_probe_round_trip_seconds", "Round trip by RTCP.", registry)
        for result in ("good", "bad"):
            self._calls.labels(result)

    def serve(self, place: HostPort) -> None:
        """Serve them from now on. Raises OSError."""
        start_http_server(place.port, place.host, self._registry)

    def note(self, result: Result) -> None:
        """What the last call was like. Of one that failed nothing older is shown instead."""
        self._success.set(result.is_good)
        self._time.set(time.time())
        self._setup.set(result.setup_s)
        self._calls.labels("good" if result.is_good else "bad").inc()
        for gauge in (self._mos, self._loss, self._jitter, self._round_trip):
            gauge.clear()
        for direction in result.directions:
            heard = direction.reception
            self._mos.labels(direction.listener).set(direction.mos)
            sent = heard.packets + heard.lost
            self._loss.labels(direction.listener).set((heard.lost + heard.discarded) / sent if sent else 1.0)
            self._jitter.labels(direction.listener).set(heard.jitter_ms / 1000.0)
            if heard.rtt_ms is not None:
                self._round_trip.labels(direction.listener).set(heard.rtt_ms / 1000.0)


def _by_listener(name: str, what: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, what, ["listener"], registry=registry)
