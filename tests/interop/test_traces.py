"""Traces of real calls, as a collector gets them."""

import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.pinhole import CALLEE_ADDRESS, StartPinhole, trunks_settings
from tests.support.redis_server import RedisServer
from tests.support.sipp import Sipp

pytestmark = pytest.mark.peers

SCENARIOS = Path(__file__).parent / "sipp"
CALLS = 3
TALK_MS = 500


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.services: set[str] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            facts = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(f"{facts['service.name']} {facts['service.instance.id']}")
            for scope in resource.scope_spans:
                self.spans += scope.spans


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        self.server.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        yield server
        server.shutdown()


def seconds(span: Span) -> float:
    return float(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def test_each_call_is_a_trace(
    collector: Collector, sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    settings = trunks_settings(callee.port, media="bypass")
    settings["traces"] = {"endpoint": f"http://127.0.0.1:{collector.server_port}/v1/traces"}
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings, command="b2bua")
    options = ["-d", str(TALK_MS)]
    sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=CALLS, options=options).assert_all_successful(CALLS)
    pinhole.stop()  # what is left is sent

    assert collector.services == {f"pinhole {pinhole.node}"}
    calls = [span for span in collector.spans if span.name == "call"]
    assert len(calls) == len({span.trace_id for span in calls}) == CALLS
    for call in calls:
        facts = {each.key: each.value.string_value or each.value.int_value for each in call.attributes}
        assert (facts["pinhole.trunk_in"], facts["pinhole.trunk_out"]) == ("callers", "callee")
        assert (facts["sip.status"], facts["pinhole.ended_by"]) == (200, "a")
        assert [event.name for event in call.events] == ["ringing"]
        parts = {span.name: span for span in collector.spans if span.parent_span_id == call.span_id}
        assert parts.keys() == {"set-up", "talk"}
        assert seconds(parts["talk"]) == pytest.approx(TALK_MS / 1000, abs=0.4)
        assert seconds(parts["set-up"]) + seconds(parts["talk"]) == pytest.approx(seconds(call), abs=0.001)


def test_a_collector_that_never_answers_costs_no_call_and_little_time_at_the_end(
    sipp: Sipp, redis_server: RedisServer, start_pinhole: StartPinhole
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    callee = sipp.serve(SCENARIOS / "callee.xml", address=CALLEE_ADDRESS)
    settings = trunks_settings(callee.port, media="bypass")
    settings["traces"] = {"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"}
    pinhole = start_pinhole(redis_url=redis_server.url, settings=settings, command="b2bua")
    sipp.call(SCENARIOS / "caller.xml", pinhole.target, calls=CALLS).assert_all_successful(CALLS)
    pinhole.process.signal(signal.SIGTERM)
    assert pinhole.process.wait(6) == 0
    silent.close()
