"""OpenTelemetry traces, sent over OTLP (the `tracing` extra).

A request's spans are made when it is over, from the times noted on the way: nothing is paid while it runs, and without
the setting nothing at all. Where they go is set with OpenTelemetry's own `OTEL_EXPORTER_OTLP_...` variables.
"""

import time
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .. import __version__
from .context import about
from .request_record import CLASSIFY, RequestRecord

SERVER_ERROR = 500


class ChosenIds(RandomIdGenerator):
    """The trace of a request is the one that its lines in the log name."""

    def generate_trace_id(self) -> int:
        """See OpenTelemetry. Called while the request's task exports it."""
        return int(about()["trace_id"], 16)


class OpenTelemetry:
    """Exports the traces of classify requests in a thread of its own."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        """`exporter`: OTLP over HTTP unless given."""
        # `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over these.
        resource = Resource({"service.name": "r3d", "service.version": __version__}).merge(
            OTELResourceDetector().detect()
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=ChosenIds())
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("r3d", __version__)

    def export(self, headers: Mapping[str, str], route: str, status: int, record: RequestRecord) -> None:
        """The request's span, a child of the client's if it sent `traceparent`, and those of its stages."""
        if route not in CLASSIFY:
            return
        parent = TraceContextTextMapPropagator().extract({key.lower(): value for key, value in headers.items()})
        attributes: dict[str, str | int | float] = {
            "http.route": route,
            "http.response.status_code": status,
            "r3d.outcome": record.outcome,
        }
        root = self._tracer.start_span(
            f"POST {route}", parent, SpanKind.SERVER, attributes | record.facts, start_time=_epoch(record.started)
        )
        if status >= SERVER_ERROR:
            root.set_status(Status(StatusCode.ERROR, record.outcome))
        within = set_span_in_context(root)
        for span in record.spans:
            child = self._tracer.start_span(
                span.name, within, attributes=dict(span.attributes), start_time=_epoch(span.start)
            )
            child.end(_epoch(span.end))
        root.end()

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def _epoch(monotonic: float) -> int:
    """Nanoseconds since 1970 of a `time.monotonic` value."""
    return int((time.time() - time.monotonic() + monotonic) * 1e9)
