"""A trace of every call for an OpenTelemetry collector (``traces.endpoint``). Shell; needs the extra ``otel``.

A trace is made when its call has ended, out of the times that the call has: nothing is held open meanwhile. It is sent
by a thread of its own; when the collector is away, traces are dropped and calls go on.
"""

from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from b2bua.call.call import Call

_EXPORT_S = 2.0
_NS_PER_S = 1_000_000_000


class CallTracer:
    """Sends a span for each call to the OTLP/HTTP URL ``endpoint``, with one for its set-up and one for its talk."""

    def __init__(self, endpoint: str, node: str) -> None:
        resource = Resource.create(
            {SERVICE_NAME: "pinhole", SERVICE_INSTANCE_ID: node, SERVICE_VERSION: version("pinhole")}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S)))
        self._tracer = self._provider.get_tracer("pinhole")

    def add(self, call: Call, wall_offset: float) -> None:
        """A call is over; ``wall_offset`` turns its times into Unix time."""

        def at(time_s: float) -> int:
            return int((time_s + wall_offset) * _NS_PER_S)

        span = self._tracer.start_span(
            "call", kind=SpanKind.SERVER, start_time=at(call.created), attributes=_attributes(call)
        )
        if not call.answered:
            span.set_status(Status(StatusCode.ERROR, f"{call.status} {call.reason}"))
        if call.ringing:
            span.add_event("ringing", timestamp=at(call.ringing))
        self._part(span, "set-up", at(call.created), at(call.answered or call.ended))
        if call.answered:
            self._part(span, "talk", at(call.answered), at(call.ended))
        span.end(at(call.ended))

    def close(self) -> None:
        """Send what is left. Blocks until the collector has it; one that does not answer is given up within seconds."""
        self._provider.shutdown()

    def _part(self, call: Span, name: str, start: int, end: int) -> None:
        self._tracer.start_span(name, context=set_span_in_context(call), start_time=start).end(end)


def _attributes(call: Call) -> dict[str, str | int]:
    return {
        "pinhole.call": call.id,
        "pinhole.trunk_in": call.source,
        "pinhole.trunk_out": call.trunk_out,
        "pinhole.caller": _text(call.caller),
        "pinhole.called": _text(call.called),
        "pinhole.ended_by": call.ended_by,
        "sip.call_id": _text(call.a.dialog.call_id),
        "sip.status": call.status,
    }


def _text(value: str) -> str:
    """What came as bytes that are no UTF-8 cannot be sent on as text."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
