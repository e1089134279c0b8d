"""`Client` and `AsyncClient` against a service that listens."""

import json
import random
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from r3d.client import (
    AsyncClient,
    BusyError,
    Client,
    ClientError,
    ClipEvent,
    Event,
    FailedError,
    ProblemError,
    RefusedError,
    ResultEvent,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from service.errors import NotReadyError, QueueFullError, ServiceError
from service.errors import UnauthorizedError as ServiceUnauthorizedError
from service.settings import Settings

from ...support.errors import EVERY_ERROR, classifying_raises
from ...support.http_server import serving
from ...support.live_server import API_KEY, StubServer
from .conftest import Asking


def test_a_file_and_its_content(asking: Asking, locked: StubServer, video: Path) -> None:
    told: list[tuple[int, int]] = []
    by_path = asking.classify(
        locked.url,
        API_KEY,
        video,
        top_k=2,
        stride=16,
        tail=None,
        on_upload=lambda sent, size: told.append((sent, size)),
    )
    assert [clip.start_frame for clip in by_path.clips] == [0, 16, 32]
    assert len(by_path.top) == 2
    assert (by_path.model.backend, by_path.video.codec, by_path.sampling.stride) == ("brightness", "h264", 16)
    size = video.stat().st_size
    assert told == [(size, size)] * 2, "what was sent, and that it was all"
    by_content = asking.classify(locked.url, API_KEY, video.read_bytes(), top_k=2, stride=16)
    assert by_content.clips == by_path.clips
    assert "zoom in" in asking.labels(locked.url, API_KEY)


def test_events_come_while_others_are_still_awaited(asking: Asking, gated: StubServer, video: Path) -> None:
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        gated.gate.open()

    gated.gate.close(after=1)
    asking.events(gated.url, None, video, on_event)
    first, second, last = events
    assert isinstance(first, ClipEvent)
    assert isinstance(second, ClipEvent)
    assert isinstance(last, ResultEvent)
    assert [first.index, second.index] == [0, 1]
    assert (last.clips[0].label, len(last.clips)) == (first.label, 2)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("key", "content", "parameters", "kind", "expected"),
    [
        ("wrong key", b"", {}, "unauthorized", UnauthorizedError),
        (API_KEY, b"text", {}, "unsupported-media", RefusedError),
        (API_KEY, b"text", {"top_k": 100}, "bad-parameter", RefusedError),
    ],
)
def test_what_the_service_refuses_is_typed(
    asking: Asking,
    locked: StubServer,
    live: bool,
    key: str,
    content: bytes,
    parameters: dict[str, int],
    kind: str,
    expected: type[ProblemError],
) -> None:
    with pytest.raises(expected) as caught:
        if live:
            asking.events(locked.url, key, content, print, **parameters)
        else:
            asking.classify(locked.url, key, content, **parameters)
    error = caught.value
    assert (error.kind, error.retry_after) == (kind, None)
    assert error.detail == str(error)
    assert error.request_id


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_that_there_is(
    asking: Asking, stub_server: StubServer, kind: type[ServiceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifying_raises(kind("as a test wants it"), monkeypatch)
    with pytest.raises(ProblemError, match="as a test wants it") as caught:
        asking.classify(stub_server.url, None, b"video")
    assert (caught.value.kind, caught.value.status, caught.value.title) == (kind.slug, kind.status, kind.title)
    by_status = UnauthorizedError if kind is ServiceUnauthorizedError else RefusedError
    assert type(caught.value) is (FailedError if kind.status >= 500 else by_status)


@pytest.mark.parametrize("kind", [QueueFullError, NotReadyError])
def test_a_busy_service_says_when_to_come_again(
    asking: Asking, stub_server: StubServer, kind: type[ServiceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifying_raises(kind("busy", {"Retry-After": "7"}), monkeypatch)
    with pytest.raises(BusyError) as caught:
        asking.classify(stub_server.url, None, b"video")
    assert caught.value.retry_after == 7


def test_an_error_after_the_first_clip(asking: Asking, gated: StubServer, video: Path) -> None:
    passed: list[object] = []

    def only_the_first(frames: object) -> None:
        gated.gate(frames)
        passed.append(frames)
        if len(passed) > 1:
            raise ValueError("broken")

    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        gated.gate.open()

    gated.gate.close(after=1)
    gated.backend.before = only_the_first
    try:
        with pytest.raises(FailedError) as caught:
            asking.events(gated.url, None, video, on_event)
    finally:
        gated.backend.before = gated.gate
    assert caught.value.kind == "inference-failed"
    assert [event.event for event in events] == ["clip"]


def test_a_video_that_is_too_large(asking: Asking, model_directory: Path) -> None:
    with (
        StubServer(Settings(model=model_directory, max_upload_bytes=1000)) as live,
        pytest.raises((RefusedError, UnreachableError)) as caught,
    ):
        asking.classify(live.url, None, bytes(20_000_000))
    # The service closes the connection on what it will not read, and then the answer may be lost on the way.
    assert "accepted" in str(caught.value) or "is the video too large" in str(caught.value)


def test_a_file_that_is_not_there(asking: Asking, stub_server: StubServer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asking.classify(stub_server.url, None, tmp_path / "none.mp4")


def test_nobody_there(asking: Asking) -> None:
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1"):
        asking.classify("http://127.0.0.1:1", None, b"video")


def another(status: int, content: bytes) -> type[BaseHTTPRequestHandler]:
    """A server that is not this service."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.mark.parametrize(("status", "content"), [(200, b"<html>"), (404, b"<html>"), (500, b"{}"), (200, b"")])
def test_somebody_else_there(asking: Asking, status: int, content: bytes) -> None:
    with serving(another(status, content)) as url:
        with pytest.raises(UnexpectedAnswerError, match=url):
            asking.classify(url, None, b"video")
        with pytest.raises(UnexpectedAnswerError, match=url):
            asking.events(url, None, b"video", print)


@pytest.mark.parametrize("status", [413, 429, 502, 503, 504])
def test_what_a_proxy_says_for_a_service_is_typed(asking: Asking, status: int) -> None:
    with serving(another(status, b"<html>")) as url:
        for ask in (asking.classify, partial(asking.events, on_event=print)):
            with pytest.raises(ProblemError) as caught:
                ask(url, None, b"video")
            assert type(caught.value) is (RefusedError if status < 500 else FailedError)
            assert (caught.value.status, caught.value.passing) == (status, status != 413)


def away_at_first(target: str) -> type[BaseHTTPRequestHandler]:
    """What stands before a service: it has nobody to ask twice, and breaks one connection; then the service answers."""
    faults: Iterator[int | None] = iter([502, None, 503])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body, fault = self.rfile.read(int(self.headers["Content-Length"])), next(faults, 200)
            if fault is None:
                self.close_connection = True
                return
            headers = {name: self.headers[name] for name in ("Content-Type", "Accept")}
            content = httpx.post(f"{target}{self.path}", content=body, headers=headers).content
            self.send_response(fault)
            self.end_headers()
            self.wfile.write(content if fault == 200 else b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def test_a_patient_client_waits_for_a_service_that_is_away(
    asking: Asking, stub_server: StubServer, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.0)
    with serving(away_at_first(stub_server.url)) as url:
        assert len(asking.classify(url, None, video, patience=30).clips) == 2
    events: list[Event] = []
    with serving(away_at_first(stub_server.url)) as url:
        asking.events(url, None, video, events.append, patience=30)
    assert [event.event for event in events] == ["clip", "clip", "result"]
    with serving(away_at_first(stub_server.url)) as url, pytest.raises(FailedError, match="Bad Gateway"):
        asking.classify(url, None, video)


def event_line(label: str) -> bytes:
    clip = {
        "event": "clip", "index": 0, "start_frame": 0, "end_frame": 32, "start_seconds": 0, "end_seconds": 1,
        "label": label, "label_index": 0, "probability": 1, "top": [],
    }  # fmt: skip
    return json.dumps(clip, ensure_ascii=False).encode() + b"\n"


def test_a_label_may_have_what_others_take_for_the_end_of_a_line(asking: Asking) -> None:
    label, events = "pan\u2028right\x85", list[Event]()
    with serving(another(200, event_line(label))) as url, pytest.raises(UnreachableError, match="before its result"):
        asking.events(url, None, b"video", events.append)
    assert [event.label for event in events] == [label]


def test_an_event_of_a_later_version_is_passed_over(asking: Asking) -> None:
    events: list[Event] = []
    with (
        serving(another(200, b'{"event": "progress", "percent": 3}\n')) as url,
        pytest.raises(ClientError, match="ended before its result"),
    ):
        asking.events(url, None, b"video", events.append)
    assert events == []


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_address_without_a_scheme_is_none(kind: type[Client | AsyncClient]) -> None:
    with pytest.raises(ValueError, match="'localhost:8000': an address begins with http:// or https://"):
        kind("localhost:8000")
