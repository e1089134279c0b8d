"""OpenTelemetry: the spans of real requests, sent to a real receiver over HTTP."""

import gzip
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from service.errors import StartupError
from service.settings import Settings
from service.web.app import create_app

from ...support.json_log import json_log
from ...support.live_server import StubServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@contextmanager
def receiver() -> Iterator[tuple[str, list[Span], dict[str, str]]]:
    spans: list[Span] = []
    resource: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for group in request.resource_spans:
                resource.update({item.key: item.value.string_value for item in group.resource.attributes})
                spans.extend(span for scope in group.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans, resource
        finally:
            server.shutdown()


def test_a_request_is_a_trace(model_directory: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as (url, spans, resource):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with json_log("service.requests") as log, StubServer(Settings(model=model_directory, tracing=True)) as live:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            files = {"file": video.read_bytes()}
            assert live.client.post("/classify", files=files, headers=headers).status_code == 200
            assert live.client.post("/classify", files={"file": b"text"}).status_code == 415
        # The server has stopped, and sent what it had.
    assert resource["service.name"] == "r3d"
    ours = [span for span in spans if span.trace_id.hex() == TRACE]
    [root] = [span for span in ours if span.kind == Span.SPAN_KIND_SERVER]
    assert root.parent_span_id.hex() == PARENT
    children = [span for span in ours if span is not root]
    assert sorted(span.name for span in children) == ["decode", "inference", "inference", "queue", "queue", "upload"]
    for span in children:
        assert span.parent_span_id == root.span_id
        assert root.start_time_unix_nano - 1e6 <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano + 1e6
    [refused] = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER and span is not root]
    outcomes = {item.key: item.value.string_value for item in refused.attributes}
    assert outcomes["r3d.outcome"] == "unsupported-media"
    traces = {line["status"]: line["trace_id"] for line in log if "trace_id" in line}
    assert traces == {200: TRACE, 415: refused.trace_id.hex()}, "the log names the traces"


def test_without_the_extra_the_start_says_so(model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "service.telemetry.tracing", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StartupError, match="extra `tracing`"):
        create_app(Settings(model=model_directory, tracing=True))
