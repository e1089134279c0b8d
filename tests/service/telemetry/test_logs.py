"""The log, as a running server writes it."""

import io
import json
import logging
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.telemetry.logs import JsonFormatter, TextFormatter


@contextmanager
def serving(model: Path, stderr: int) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    import socket
    import time

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("r3d-serve")), "--model", str(model), "--port", str(port)]
    with subprocess.Popen(command, stderr=stderr) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                if httpx.get(url + "/health").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        try:
            yield process, url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_one_json_line_a_request(model_directory: Path, video: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream, serving(model_directory, stream.fileno()) as (_, url):
        name = "my-secret-holiday.mp4"
        files = {"file": (name, video.read_bytes())}
        good = httpx.post(url + "/classify", files=files, headers={"X-Request-ID": "mine-1"}, params={"top_k": 1})
        bad = httpx.post(url + "/classify", files={"file": (name, b"text")}, headers={"X-Request-ID": "mine-2"})
        httpx.get(url + "/my-secret-path")
        httpx.get(url + "/")
    assert (good.status_code, bad.status_code, bad.json()["request_id"]) == (200, 415, "mine-2")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    first, second, third, fourth = [line for line in lines if line["logger"] == "service.requests"]
    assert (first["request_id"], first["route"], first["status"], first["outcome"]) == (
        "mine-1",
        "/classify",
        200,
        "ok",
    )
    assert (first["clips"], first["frames"], first["upload_bytes"]) == (2, 75, video.stat().st_size)
    assert 0 < first["seconds"] < 30
    assert (second["request_id"], second["status"], second["outcome"]) == ("mine-2", 415, "unsupported-media")
    assert third["status"] == 404
    assert (fourth["route"], fourth["status"]) == ("/", 200)
    assert "secret" not in log.read_text()


def test_plain_text_on_a_terminal(model_directory: Path) -> None:
    ours, theirs = pty.openpty()
    with serving(model_directory, theirs) as (_, url):
        os.close(theirs)
        httpx.get(url + "/labels")
    text = os.read(ours, 65536).decode()
    os.close(ours)
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
