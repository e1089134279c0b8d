"""The log, as a running server writes it."""

import io
import json
import logging
from pathlib import Path

import pytest

from service.settings import Settings
from service.telemetry.logs import JsonFormatter, TextFormatter

from ...support.json_log import json_log
from ...support.live_server import StubServer
from ...support.programs import serving

NAME = "my-secret-holiday.mp4"


def test_one_json_line_for_each_request(model_directory: Path, video: Path) -> None:
    with serving("--model", str(model_directory)) as served:
        served.wait_ready()
        post, name = served.client.post, {"file": (NAME, video.read_bytes())}
        good = post("/classify", files=name, headers={"X-Request-ID": "mine-1"}, params={"top_k": 1})
        bad = post("/classify", files={"file": (NAME, b"text")}, headers={"X-Request-ID": "mine-2"})
        served.client.get("/my-secret-path")
        served.client.get("/")
        for quiet in (
            "/health",
            "/health/live",
            "/v2/health/ready",
            "/metrics",
            "/static/main.js",
            "/swagger/none.css",
        ):
            served.client.get(quiet)
        assert served.stop() == 0
        log = list(map(json.loads, served.log))
    assert (good.status_code, bad.status_code, bad.json()["request_id"]) == (200, 415, "mine-2")
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in log)
    first, second, third, fourth = [line for line in log if line["logger"] == "service.requests"]
    about = ("request_id", "route", "status", "outcome", "clips", "frames", "upload_bytes")
    assert [first[each] for each in about] == ["mine-1", "/classify", 200, "ok", 2, 75, video.stat().st_size]
    assert 0 < first["seconds"] < 30
    assert (second["request_id"], second["status"], second["outcome"]) == ("mine-2", 415, "unsupported-media")
    assert third["status"] == 404
    assert (fourth["route"], fourth["status"]) == ("/", 200)
    assert "secret" not in "".join(served.log)


def test_every_line_of_a_request_names_it_and_its_trace(model_directory: Path, video: Path) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with json_log() as lines, StubServer(Settings(model=model_directory)) as live:
        live.backend.before = broken
        for name, traceparent in (("first", f"00-{trace}-00f067aa0ba902b7-01"), ("second", "nonsense")):
            headers = {"X-Request-ID": name, "traceparent": traceparent}
            assert live.client.post("/classify", files={"file": video.read_bytes()}, headers=headers).is_error
    of_requests = [line for line in lines if "request_id" in line]
    assert [(line["logger"], line["request_id"], line.get("trace_id")) for line in of_requests] == [
        ("service.web.problems", "first", trace),
        ("service.requests", "first", trace),
        ("service.web.problems", "second", None),
        ("service.requests", "second", None),
    ]


def broken(_: object) -> None:
    raise ValueError("broken")


def test_plain_text_on_a_terminal(model_directory: Path) -> None:
    with serving("--model", str(model_directory), terminal=True) as served:
        served.wait_ready()
        served.client.get("/labels")
        assert served.stop() == 0
    text = "".join(served.log)
    assert "INFO service.requests: GET /labels 200 ok" in text
    assert not text.startswith("{")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_exceptions_are_logged_whole(formatter: logging.Formatter) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("oh", extra={"facts": {"request_id": "a"}})
    assert "ValueError: broken" in stream.getvalue()
    assert "request_id" in stream.getvalue()
    if isinstance(formatter, JsonFormatter):
        assert json.loads(stream.getvalue())["request_id"] == "a"
