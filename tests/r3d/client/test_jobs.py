"""Jobs, by both clients."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from pydantic import SecretStr

from r3d.client import (
    FollowEvent,
    ProblemError,
    RefusedError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from r3d.client import job as client_job
from service.api.jobs import JobAnswer, JobEvent, JobProgress
from service.settings import Settings
from tests.support.http_server import serving
from tests.support.live_server import API_KEY, StubServer
from tests.support.relay import Relay
from tests.support.waiting import eventually

from .conftest import Asking


def test_a_job_is_sent_and_its_result_waited_for(stub_server: StubServer, video: Path, asking: Asking) -> None:
    job = asking.submit(stub_server.url, None, video, top_k=2)
    assert (job.status, job.result, job.problem) == ("queued", None, None)
    result = asking.wait(stub_server.url, None, job.id)
    direct = asking.classify(stub_server.url, None, video, top_k=2)
    assert result.model_copy(update={"timing": direct.timing}) == direct
    done = asking.job(stub_server.url, None, job.id)
    assert (done.status, done.is_over, done.result) == ("succeeded", True, result)


def test_the_same_key_gives_the_same_job(stub_server: StubServer, video: Path, asking: Asking) -> None:
    key = f"{type(asking).__name__}-key"
    jobs = {asking.submit(stub_server.url, None, video, key=key).id for _ in range(2)}
    assert len(jobs) == 1
    with pytest.raises(RefusedError) as caught:
        asking.submit(stub_server.url, None, video, key=key, top_k=1)
    assert caught.value.kind == "idempotency-conflict"


def test_a_job_that_failed_raises_its_problem(stub_server: StubServer, asking: Asking) -> None:
    job = asking.submit(stub_server.url, None, b"no video")
    with pytest.raises(RefusedError) as waited:
        asking.wait(stub_server.url, None, job.id)
    with pytest.raises(RefusedError) as followed:
        asking.follow(stub_server.url, None, job.id, print)
    assert waited.value.kind == followed.value.kind == "unsupported-media"


def test_a_job_that_takes_longer_than_one_waits(gated: StubServer, video: Path, asking: Asking) -> None:
    gated.gate.close()
    job = asking.submit(gated.url, None, video)
    with pytest.raises(TimeoutError, match=r"is not over after 0\.2 s"):
        asking.wait(gated.url, None, job.id, 0.2)
    assert asking.forget(gated.url, None, job.id).status == "cancelled"
    with pytest.raises(ProblemError) as caught:
        asking.wait(gated.url, None, job.id)
    assert caught.value.kind == "no-such-job"


def test_a_job_is_followed_through_a_connection_that_breaks(
    model_directory: Path, video: Path, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_job, "PAUSE_SECONDS", 0.05)
    events: list[FollowEvent] = []
    first = threading.Event()

    def note(event: FollowEvent) -> None:
        events.append(event)
        if event.event == "clip":
            first.set()

    with StubServer(Settings(model=model_directory)) as server, Relay(server.port) as relay:
        server.gate.close(after=1)
        job = asking.submit(server.url, None, video)
        following = threading.Thread(target=asking.follow, args=(relay.url, None, job.id, note))
        following.start()
        try:
            assert first.wait(20)
            relay.cut()
            server.gate.open()
            eventually(lambda: asking.job(server.url, None, job.id).is_over)
            relay.mend()
        finally:
            following.join(30)
    told = [event for event in events if event.event != "job"]
    assert [event.event for event in told] == ["clip", "clip", "result"]
    assert [event.index for event in told if event.event == "clip"] == [0, 1]
    assert events[0].event == "job"


def test_what_does_not_pass_is_not_waited_out(locked: StubServer, video: Path, asking: Asking) -> None:
    job = asking.submit(locked.url, API_KEY, video)
    with pytest.raises(UnauthorizedError):
        asking.wait(locked.url, "another key", job.id)
    with pytest.raises(UnauthorizedError):
        asking.follow(locked.url, "another key", job.id, print)
    assert asking.wait(locked.url, API_KEY, job.id).votes == 2


def test_a_service_that_stays_away_is_given_up(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_job, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(client_job, "PATIENCE_SECONDS", 0.0)
    with Relay(1) as relay:
        relay.cut()
        with pytest.raises(UnreachableError):
            asking.wait(relay.url, None, "x")


class FailedJob(BaseHTTPRequestHandler):
    """A job that has failed for a reason of which another request would be made again."""

    asked = 0

    def do_GET(self) -> None:
        FailedJob.asked += 1
        problem = {"type": "urn:r3d:problem:decoder-unavailable", "title": "", "status": 503, "detail": "three times"}
        progress = {"clips": 0, "seconds": 0.0}
        job = {"event": "job", "id": "x", "status": "failed", "created": "2026-11-28T00:00:00Z", "progress": progress}
        lines = [job, {"event": "error", **problem, "request_id": "r"}]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))


def test_a_job_that_failed_for_a_passing_reason_is_not_followed_again(asking: Asking) -> None:
    before = FailedJob.asked
    with serving(FailedJob) as url, pytest.raises(ProblemError) as caught:
        asking.follow(url, None, "x", print)
    assert (caught.value.kind, caught.value.passing) == ("decoder-unavailable", True)
    assert FailedJob.asked == before + 1


def test_a_service_that_keeps_no_jobs_is_told(model_directory: Path, video: Path, asking: Asking) -> None:
    with (
        StubServer(Settings(model=model_directory, jobs=SecretStr("off"))) as server,
        pytest.raises(UnexpectedAnswerError, match="keeps no jobs"),
    ):
        asking.submit(server.url, None, video)


def test_what_answers_is_told_with_whether_it_keeps_jobs(
    model_directory: Path, stub_server: StubServer, asking: Asking
) -> None:
    health = asking.health(stub_server.url)
    assert (health.status, health.jobs, health.model.backend) == ("ready", True, "brightness")
    with StubServer(Settings(model=model_directory, jobs=SecretStr("off"))) as server:
        assert asking.health(server.url).jobs is False
        server.lifecycle.drain()
        with pytest.raises(ProblemError) as caught:
            asking.health(server.url)
    assert (caught.value.status, caught.value.passing) == (503, True)


def test_the_client_knows_what_the_service_tells() -> None:
    assert set(client_job.Job.model_fields) == set(JobAnswer.model_fields) - {"webhook"}
    assert set(client_job.JobProgress.model_fields) == set(JobProgress.model_fields)
    assert set(client_job.JobEvent.model_fields) >= set(JobEvent.model_fields)
