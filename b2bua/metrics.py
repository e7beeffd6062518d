"""The B2BUA's metrics, gathered from what its parts count anyway. Shell."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from b2bua.call.call import CallState
from b2bua.call.engine import Engine
from b2bua.call_statistics import CallStatistics
from b2bua.config import PHONES, B2buaConfig
from b2bua.hep_mirror import HepMirror
from b2bua.journal import Journal
from b2bua.relay_link import RelayLink
from b2bua.transport import Transports
from media_relay.monitoring.families import Metric, counter, counters, gauge, gauges, histogram, histograms
from media_relay.monitoring.process import ProcessMetrics

_HEALTH: Final = {"up": 1.0, "degraded": 0.5, "down": 0.0}


class B2buaMetrics:
    """``journal``, ``relay`` and ``mirror`` are None where the configuration has none."""

    def __init__(
        self,
        config: B2buaConfig,
        process: ProcessMetrics,
        engine: Engine,
        statistics: CallStatistics,
        transports: Transports,
        journal: Journal | None,
        relay: RelayLink | None,
        mirror: HepMirror | None,
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._process = process
        self._engine = engine
        self._statistics = statistics
        self._transports = transports
        self._journal = journal
        self._relay = relay
        self._mirror = mirror
        self._clock = clock

    async def collect(self) -> list[Metric]:
        """Everything, as it is now."""
        return [
            *self._process.families(),
            *self._live_calls(),
            *self._ended_calls(),
            *self._trunks(),
            *self._sip(),
            *self._network(),
            *self._neighbours(),
        ]

    def _live_calls(self) -> Iterator[Metric]:
        calls = self._engine.core.calls.values()
        states = Counter(call.state for call in calls)
        yield gauges(
            "pinhole_calls", "Calls that are on.", ["state"], {state.value: states[state] for state in CallState}
        )
        started = Counter(call.source for call in calls)
        for (trunk, direction, _), count in self._statistics.ended.items():
            if direction == "in":
                started[trunk] += count
        yield counters("pinhole_calls_started", "Calls taken in, by the trunk that called.", ["trunk"], started)
        yield gauge("pinhole_registered_users", "Users with a registered phone.", self._engine.registrar.registered)

    def _ended_calls(self) -> Iterator[Metric]:
        statistics = self._statistics
        yield counters(
            "pinhole_calls_ended",
            "Calls that are over, each twice: by the trunk that called (in) and by the one that was called last (out). "
            "The result is a SIP status, or the class of a rare one; 200 was answered.",
            ["trunk", "direction", "result"],
            statistics.ended,
        )
        yield counters("pinhole_calls_ended_by", "Calls that are over, by who ended them.", ["by"], statistics.ended_by)
        yield histogram("pinhole_call_setup_seconds", "From INVITE to answer, of answered calls.", statistics.setup_s)
        yield histograms(
            "pinhole_call_post_dial_delay_seconds",
            "From INVITE to ringing (or answer), by the trunk that was called.",
            "trunk",
            statistics.post_dial_delay_s,
        )
        yield histogram("pinhole_call_duration_seconds", "From answer to end.", statistics.duration_s)

    def _trunks(self) -> Iterator[Metric]:
        core, trunks = self._engine.core, self._config.trunks
        loads = {name: core.admission.load(name) for name in (*trunks, PHONES)}
        yield gauges(
            "pinhole_trunk_calls",
            "Calls that are on from (in) and to (out) a trunk.",
            ["trunk", "direction"],
            {(name, "in"): load.calls_in for name, load in loads.items()}
            | {(name, "out"): load.calls_out for name, load in loads.items()},
        )
        limits = {name: trunk.limit.calls for name, trunk in trunks.items() if trunk.limit.calls}
        yield gauges("pinhole_trunk_calls_limit", "Calls at once that a trunk may have.", ["trunk"], limits)
        now = self._clock()
        health = {name: _HEALTH[core.trunks.health(trunk, now)] for name, trunk in trunks.items()}
        yield gauges("pinhole_trunk_health", "1 up, 0.5 some of its hosts fail, 0 all of them do.", ["trunk"], health)
        yield gauge(
            "pinhole_calls_limit", "Calls at once that this node may have; 0: any number.", self._config.limit.calls
        )
        yield counters(
            "pinhole_limit_hits",
            "Calls refused because a limit was reached: of a trunk, or of the node where the label is empty.",
            ["trunk"],
            core.admission.refused,
        )

    def _sip(self) -> Iterator[Metric]:
        core = self._engine.core
        stats = core.transactions.stats
        yield counter("pinhole_sip_requests", "New requests, ACK included.", stats.requests)
        yield counter("pinhole_sip_responses", "Responses that met their transaction.", stats.responses)
        yield counters(
            "pinhole_sip_refused",
            "Requests refused for what they are or whom they are from.",
            ["method", "result"],
            {(method, str(status)): count for (method, status), count in core.refused.items()},
        )
        malformed = {"answered": stats.malformed_answered, "dropped": stats.malformed_dropped}
        yield counters("pinhole_sip_malformed", "Messages that are no SIP.", ["action"], malformed)
        again = {"in": stats.retransmissions_received, "out": stats.retransmissions_sent}
        yield counters("pinhole_sip_retransmissions", "Messages that came or were sent again.", ["direction"], again)
        stray = {
            "response": stats.stray_responses,
            "cancel": stats.stray_cancels,
            "merged_request": stats.merged,
        }
        yield counters("pinhole_sip_strays", "Messages that belong to nothing here.", ["kind"], stray)
        yield counter("pinhole_sip_overload_rejections", "Requests beyond what fits.", stats.overload_rejected)
        failures = {
            "timeout": stats.timeouts,
            "ack_timeout": stats.ack_timeouts,
            "transport": stats.transport_errors,
        }
        yield counters("pinhole_sip_transaction_failures", "Transactions without an end.", ["kind"], failures)
        clients, servers = core.transactions.live
        live = {"client": clients, "server": servers}
        yield gauges("pinhole_sip_transactions", "Transactions that are not finished.", ["side"], live)

    def _network(self) -> Iterator[Metric]:
        stats = self._transports.stats
        messages = {"in": stats.received, "out": stats.sent}
        yield counters("pinhole_transport_messages", "SIP messages received and sent.", ["direction"], messages)
        yield counter("pinhole_transport_keep_alives", "Keep-alives received.", stats.keep_alives)
        errors = {
            "send": stats.send_errors,
            "receive": stats.receive_errors,
            "queue_full": stats.dropped,
            "framing": stats.framing_errors,
        }
        yield counters("pinhole_transport_errors", "What the sockets could not do.", ["kind"], errors)
        yield gauge("pinhole_transport_connections", "TCP connections that are up.", self._transports.connections)
        events = {
            "opened": stats.connections_opened,
            "refused": stats.connections_refused,
            "closed_idle": stats.connections_closed_idle,
            "closed_slow": stats.connections_closed_slow,
        }
        yield counters("pinhole_transport_connection_events", "What became of TCP connections.", ["event"], events)
        if self._mirror is not None:
            copies = {"sent": self._mirror.sent, "dropped": self._mirror.dropped}
            yield counters("pinhole_hep_copies", "Copies of messages for the capture server.", ["outcome"], copies)

    def _neighbours(self) -> Iterator[Metric]:
        if self._relay is not None:
            yield counter("pinhole_relay_requests", "Requests to the relay.", self._relay.requests)
            yield counter(
                "pinhole_relay_timeouts", "Requests that the relay did not answer in time.", self._relay.timeouts
            )
        if self._journal is not None:
            stats = self._journal.stats
            yield gauge("pinhole_redis_connected", "Whether Redis takes our writes.", self._journal.connected)
            yield gauge("pinhole_redis_lag_seconds", "Age of the oldest news that Redis lacks.", self._journal.lag_s)
            yield counter("pinhole_redis_connects", "Connections made to Redis.", stats.connects)
            yield counter("pinhole_redis_batches", "Batches sent to Redis.", stats.batches)
            yield counter("pinhole_redis_refused_writes", "Writes that Redis refused.", stats.refused)
            yield counter("pinhole_redis_fenced_calls", "Calls that another node took over.", stats.fenced)
            dropped = {"record": stats.ended_dropped, "ladder": stats.ladder_dropped}
            yield counters("pinhole_redis_dropped", "What was given up while Redis was away.", ["what"], dropped)
