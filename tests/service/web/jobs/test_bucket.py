"""Jobs whose videos are in a bucket."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.jobs import attempt
from service.jobs.videos import bucket
from tests.support.client import problem
from tests.support.object_store import PREFIX, ObjectStore, Refusal
from tests.support.sent_jobs import Sent
from tests.support.waiting import eventually

from .conftest import Serve

Begin = Callable[..., Sent]

on_sqlite = pytest.mark.parametrize("jobs_url", ["sqlite"], indirect=True)


@pytest.fixture
def begin(serve: Serve, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Starts a server on the test's database and bucket; `name` is of its own folder."""
    monkeypatch.setattr(attempt, "RETRY_SECONDS", 0.1)
    return lambda name="jobs": serve(jobs_dir=tmp_path / name, jobs_videos=store.videos)


def attempts(sent: Sent, outcome: str) -> float:
    return sent.server.metric("r3d_jobs_attempts_total", outcome=outcome) or 0


def fetching(sent: Sent, store: ObjectStore, video: bytes) -> str:
    """A job whose video is on its way out of the bucket until the gate is opened."""
    store.gate.close()
    job = sent.send(video)
    store.gate.wait_held()
    assert sent.known(job)["status"] == "running"
    return job


@pytest.mark.parametrize("jobs_url", ["postgresql"], indirect=True)
def test_any_server_works_on_any_job(begin: Begin, store: ObjectStore, video: Path, tmp_path: Path) -> None:
    one, other = begin("one"), begin("other")
    one.server.lifecycle.jobs._runner.drain()  # type: ignore[union-attr]  # it takes jobs in, and none up
    job = one.send(video.read_bytes())
    assert one.through(job)["status"] == other.known(job)["status"] == "succeeded"
    assert attempts(other, "succeeded") == 1
    assert store.keys() == []
    assert not [path for path in tmp_path.rglob("*") if path.name == "video"]


@on_sqlite
def test_a_job_is_there_when_its_video_is(begin: Begin, store: ObjectStore, video: Path) -> None:
    sent = begin()
    job = fetching(sent, store, video.read_bytes())
    assert store.keys() == [f"{PREFIX}/{job}"]
    store.gate.open()
    assert sent.through(job)["result"]["votes"] == 2
    assert store.keys() == []


@on_sqlite
def test_a_bucket_that_is_away_takes_no_job(begin: Begin, store: ObjectStore, video: Path) -> None:
    sent = begin()
    store.stop()
    refused = sent.post(video.read_bytes(), key="k")
    problem(refused, 503, "jobs-unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert sent.server.post(video.read_bytes()).status_code == 200  # requests are answered
    store.start()
    done = sent.through(sent.post(video.read_bytes(), key="k").json()["id"])
    assert done["status"] == "succeeded"


def test_a_bucket_that_is_away_costs_no_job(begin: Begin, store: ObjectStore, video: Path) -> None:
    sent = begin()
    job = fetching(sent, store, video.read_bytes())
    store.refusal = Refusal("GET", "500 Internal Server Error", "InternalError")
    store.gate.open()
    eventually(lambda: attempts(sent, "storage failed") > 0)
    store.stop()
    eventually(lambda: attempts(sent, "storage failed") > 3, 30)  # more often than a job may fail
    store.refusal = None
    store.start()
    assert sent.through(job)["status"] == "succeeded"


@on_sqlite
def test_a_video_that_is_gone_is_not_told_as_the_videos_fault(begin: Begin, store: ObjectStore, video: Path) -> None:
    sent = begin()
    sent.server.gate.close()
    first = sent.send(video.read_bytes())
    eventually(lambda: store.keys() and sent.known(first)["status"] == "running")
    waiting = [sent.send(video.read_bytes()) for _ in range(3)]
    store.remove(f"{PREFIX}/{waiting[-1]}")
    sent.server.gate.open()
    lost = sent.through(waiting[-1])
    assert (lost["status"], lost["problem"]["type"]) == ("failed", "urn:r3d:problem:job-lost")
    assert "bucket" in lost["problem"]["detail"]
    assert (attempts(sent, "failed"), attempts(sent, "decoder failed")) == (1, 0)  # another would not find it either
    for job in (first, *waiting[:-1]):
        assert sent.through(job)["status"] == "succeeded"


@on_sqlite
def test_a_job_can_be_cancelled_while_its_video_comes(begin: Begin, store: ObjectStore, video: Path) -> None:
    sent = begin()
    job = fetching(sent, store, video.read_bytes())
    assert sent.http.delete(f"/v1/jobs/{job}").json()["status"] == "cancelled"
    eventually(lambda: attempts(sent, "lost") == 1)
    assert store.keys() == []
    problem(sent.get(job), 404, "no-such-job")


@on_sqlite
def test_a_server_that_ends_while_a_video_comes_gives_the_job_back(
    begin: Begin, store: ObjectStore, video: Path
) -> None:
    sent = begin()
    job = fetching(sent, store, video.read_bytes())
    sent.server.server.should_exit = True
    other = begin()
    store.gate.open()
    assert other.through(job)["status"] == "succeeded"
    assert other.server.metric("r3d_jobs_taken_back_total") == 0


@on_sqlite
def test_a_video_that_is_on_its_way_to_the_bucket_when_the_server_ends_is_no_job(
    begin: Begin, store: ObjectStore, video: Path
) -> None:
    sent = begin()
    store.held = "PUT"
    store.gate.close()
    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(sent.post, video.read_bytes())
        store.gate.wait_held()
        sent.server.lifecycle.drain()
        sent.server.server._loop.call_soon_threadsafe(sent.server.lifecycle.aborted.set)  # type: ignore[union-attr]
        problem(sending.result(20), 503, "not-ready")


@on_sqlite
def test_a_video_that_is_none_is_removed(begin: Begin, store: ObjectStore) -> None:
    sent = begin()
    done = sent.through(sent.send(b"no video at all"))
    assert done["problem"]["type"] == "urn:r3d:problem:unsupported-media"
    eventually(lambda: store.keys() == [])


@on_sqlite
def test_what_is_left_over_is_swept(
    begin: Begin, store: ObjectStore, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "LEFT_OVER_SECONDS", -60.0)
    left, others = f"{PREFIX}/{'x' * 24}", [f"{PREFIX}/notes", f"{PREFIX}2/{'x' * 24}"]
    for key in (left, *others):
        store.put(key)
    begin()
    eventually(lambda: store.keys() == others)
