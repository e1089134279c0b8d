"""A video that becomes a job and is followed in one call, by both clients."""

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from pydantic import SecretStr

from r3d.client import ClipEvent, FollowEvent, JobEvent, ProblemError, RefusedError, ResultEvent
from service.settings import Settings
from tests.support.http_server import serving
from tests.support.live_server import StubServer

from .conftest import Asking

JOB = {"id": "x", "created": "2026-11-28T00:00:00Z", "progress": {"clips": 0, "seconds": 0.0}}
FAULT = {"type": "urn:r3d:problem:job-lost", "title": "", "status": 500, "detail": "three times", "request_id": "r"}


class LeftError(Exception):
    """What ends a call in its midst."""


def told(asking: Asking, url: str, video: object, **options: object) -> list[FollowEvent]:
    events: list[FollowEvent] = []
    asking.job_events(url, video, events.append, **options)
    return events


def test_the_clips_of_a_job_and_its_result_come_as_of_a_request(
    stub_server: StubServer, video: Path, asking: Asking
) -> None:
    events = told(asking, stub_server.url, video, top_k=2)
    assert isinstance(events[0], JobEvent)
    assert [event.index for event in events if isinstance(event, ClipEvent)] == [0, 1]
    result = events[-1]
    assert isinstance(result, ResultEvent)
    direct = asking.classify(stub_server.url, None, video, top_k=2)
    assert result.model_copy(update={"timing": direct.timing}).model_dump(exclude={"event"}) == direct.model_dump()


def test_the_same_call_takes_a_job_up_where_it_is(gated: StubServer, video: Path, asking: Asking) -> None:
    gated.gate.close(after=1)
    content = video.read_bytes() + type(asking).__name__.encode()  # no job of another test
    first: list[FollowEvent] = []

    def leave(event: FollowEvent) -> None:
        first.append(event)
        if isinstance(event, ClipEvent):
            raise LeftError

    with pytest.raises(LeftError):
        asking.job_events(gated.url, content, leave)
    gated.gate.open()
    again = told(asking, gated.url, content)
    assert isinstance(first[0], JobEvent)
    assert isinstance(again[0], JobEvent)
    assert first[0].id == again[0].id
    assert [event.index for event in again if isinstance(event, ClipEvent)] == [0, 1]
    assert isinstance(told(asking, gated.url, content, top_k=1)[0], JobEvent), "asked differently it is another"


def test_a_job_that_fails_by_its_video_stays_failed(stub_server: StubServer, asking: Asking) -> None:
    jobs = []
    for _ in range(2):
        events: list[FollowEvent] = []
        with pytest.raises(RefusedError) as caught:
            asking.job_events(stub_server.url, b"no video at all", events.append)
        assert caught.value.kind == "unsupported-media"
        jobs += [event.id for event in events if isinstance(event, JobEvent)]
    assert len(set(jobs)) == 1


@pytest.mark.parametrize(("status", "forgotten"), [("failed", ["/v1/jobs/x"]), ("running", [])])
def test_a_job_that_failed_by_the_services_fault_is_forgotten(
    asking: Asking, status: str, forgotten: list[str]
) -> None:
    deleted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(202, JOB | {"status": "queued"})

        def do_GET(self) -> None:
            self.answer(200, {"event": "job"} | JOB | {"status": status}, {"event": "error"} | FAULT)

        def do_DELETE(self) -> None:
            deleted.append(self.path)
            self.answer(200, JOB | {"status": "failed"})

        def answer(self, status: int, *lines: Mapping[str, object]) -> None:
            content = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as url, pytest.raises(ProblemError) as caught:
        told(asking, url, b"a video")
    assert caught.value.kind == "job-lost"
    assert deleted == forgotten


def test_a_service_that_keeps_no_jobs_answers_at_once(model_directory: Path, video: Path, asking: Asking) -> None:
    with StubServer(Settings(model=model_directory, jobs=SecretStr("off"))) as server:
        events = told(asking, server.url, video)
    assert [event.event for event in events] == ["clip", "clip", "result"]
