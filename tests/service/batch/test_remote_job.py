"""Long files through a service that keeps jobs, and what is sent of them once only."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from r3d.client import Parameters
from r3d.client import job as client_job
from service.api.schemas import ClassifyAnswer
from service.batch.outcome import OnProgress, Options, Outcome, Refusal, outcome_of, unheard
from service.batch.remote import remote
from service.batch.remote_job import LONG_BYTES, key_of
from service.settings import Settings
from tests.support.live_server import API_KEY, StubServer
from tests.support.relay import Relay
from tests.support.waiting import eventually


@pytest.fixture
def settings(model_directory: Path, tmp_path: Path) -> Settings:
    """Of a service with jobs of its own, that asks for a key: its jobs can be listed."""
    return Settings(model=model_directory, jobs_dir=tmp_path / "jobs", api_key=SecretStr(API_KEY))


@contextmanager
def serving(settings: Settings) -> Iterator[StubServer]:
    with StubServer(settings) as server:
        server.client.headers["Authorization"] = f"Bearer {API_KEY}"
        yield server


@pytest.fixture
def keeping(settings: Settings) -> Iterator[StubServer]:
    with serving(settings) as server:
        yield server


async def run(url: str, video: Path, on_progress: OnProgress = unheard) -> Outcome:
    """What becomes of a file, in a run of its own."""
    async with remote(url, API_KEY, Options()) as classify:
        return await outcome_of(classify, video, on_progress)


def classified(url: str, video: Path) -> ClassifyAnswer:
    outcome = asyncio.run(run(url, video))
    assert isinstance(outcome, ClassifyAnswer), outcome
    return outcome


def refused(url: str, video: Path) -> Refusal:
    outcome = asyncio.run(run(url, video))
    assert isinstance(outcome, Refusal), outcome
    return outcome


@contextmanager
def running_until_a_clip(url: str, video: Path) -> Iterator[Future[Outcome]]:
    """A run in a thread, once it has told a clip; it must be over within 30 s of the block's end."""
    clip = threading.Event()

    def on_progress(about: str, part: float | None = None) -> None:
        if about == "1 clips":
            clip.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(lambda: asyncio.run(run(url, video, on_progress)))
        assert clip.wait(20)
        yield future
        future.result(30)


def jobs_of(server: StubServer) -> list[str]:
    return [job["id"] for job in server.client.get("/v1/jobs").json()["jobs"]]


def sent(server: StubServer) -> float:
    """Videos that came to become jobs."""
    return server.metric("r3d_requests_total", outcome="accepted") or 0.0


def attempts(server: StubServer, outcome: str) -> float:
    return server.metric("r3d_jobs_attempts_total", outcome=outcome) or 0.0


def test_a_long_file_is_a_job_with_the_answer_of_a_request(keeping: StubServer, video: Path, long_file: Path) -> None:
    answer = classified(keeping.url, long_file)
    direct = ClassifyAnswer.model_validate(keeping.post(long_file.read_bytes()).json())
    assert answer.model_copy(update={"timing": direct.timing}) == direct
    assert classified(keeping.url, video).clips == direct.clips
    assert (sent(keeping), len(jobs_of(keeping))) == (1, 1), "the short one was a request"


def test_a_run_that_was_cancelled_is_taken_up_by_the_next(keeping: StubServer, long_file: Path) -> None:
    async def interrupted() -> None:
        clip = asyncio.Event()
        running = asyncio.ensure_future(
            run(keeping.url, long_file, lambda about, part=None: clip.set() if about == "1 clips" else None)
        )
        await asyncio.wait_for(clip.wait(), 20)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    keeping.gate.close(after=1)
    asyncio.run(interrupted())
    jobs = jobs_of(keeping)
    keeping.gate.open()
    assert classified(keeping.url, long_file).votes == 2
    assert (len(jobs), jobs_of(keeping), attempts(keeping, "succeeded")) == (1, jobs, 1)


def test_two_copies_in_a_run_are_one_job(keeping: StubServer, long_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.symlink_to(long_file)

    async def both() -> tuple[ClassifyAnswer, ClassifyAnswer]:
        async with remote(keeping.url, API_KEY, Options()) as classify:
            return await asyncio.gather(classify(long_file, unheard), classify(copy, unheard))

    one, other = asyncio.run(both())
    assert one == other
    assert (len(jobs_of(keeping)), attempts(keeping, "succeeded")) == (1, 1)


def test_a_connection_that_is_lost_for_long_sends_nothing_again(
    keeping: StubServer, long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_job, "PATIENCE_SECONDS", 0.0)
    keeping.gate.close(after=1)
    with Relay(keeping.port) as relay, running_until_a_clip(relay.url, long_file) as running:
        relay.cut()
        keeping.gate.open()
        eventually(lambda: attempts(keeping, "succeeded") == 1)
        relay.mend()
    assert isinstance(running.result(), ClassifyAnswer)
    assert (sent(keeping), attempts(keeping, "succeeded")) == (1, 1)


def test_a_service_that_is_restarted_goes_on(
    settings: Settings, long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_job, "PAUSE_SECONDS", 0.05)
    with serving(settings) as first, Relay(first.port) as relay:
        first.gate.close(after=1)
        with running_until_a_clip(relay.url, long_file) as running:
            first.lifecycle.drain()
            first.server.should_exit = True
            with serving(settings) as second:
                relay.mend(second.port)
                assert isinstance(running.result(30), ClassifyAnswer)
                assert (sent(second), len(jobs_of(second)), attempts(second, "succeeded")) == (0, 1, 1)


def test_without_jobs_a_long_file_is_a_request(settings: Settings, long_file: Path) -> None:
    with serving(settings.model_copy(update={"jobs": SecretStr("off")})) as server:
        assert classified(server.url, long_file).votes == 2
        assert server.metric("r3d_requests_total", outcome="ok") == 1


def test_a_job_that_failed_is_told_and_tried_again_by_the_next_run(keeping: StubServer, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"text\n" * (LONG_BYTES // 5 + 1))
    first = refused(keeping.url, bad)
    assert (first.type, first.status, first.is_passing) == ("urn:r3d:problem:unsupported-media", 415, False)
    [job] = jobs_of(keeping)
    second = refused(keeping.url, bad)
    [other] = jobs_of(keeping)
    assert (second.type, second.detail) == (first.type, first.detail)
    assert job != other


def test_a_job_that_is_gone_is_sent_again(keeping: StubServer, long_file: Path) -> None:
    """As where the service comes back without its disk."""
    keeping.gate.close(after=1)
    with running_until_a_clip(keeping.url, long_file) as running:
        [job] = jobs_of(keeping)
        assert keeping.client.delete(f"/v1/jobs/{job}").status_code == 200
        keeping.gate.open()
    assert isinstance(running.result(), ClassifyAnswer)
    assert (sent(keeping), attempts(keeping, "succeeded")) == (2, 1)


def test_a_key_that_stands_for_something_else_gives_way_to_another(
    keeping: StubServer, long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an update of the service by which the same parameters mean something else."""
    monkeypatch.setattr("service.batch.remote_job.key_of", lambda *_: "the-same")
    classified(keeping.url, long_file)

    async def otherwise() -> Outcome:
        async with remote(keeping.url, API_KEY, Options(top_k=1)) as classify:
            return await outcome_of(classify, long_file, unheard)

    for _ in range(2):
        assert isinstance(asyncio.run(otherwise()), ClassifyAnswer)
        assert (len(jobs_of(keeping)), attempts(keeping, "succeeded")) == (2, 2)


def test_a_key_is_of_the_content_the_parameters_and_the_model(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for path, content in ((one, b"a"), (same, b"a"), (other, b"b")):
        path.write_bytes(content)
    asked: Parameters = {"top_k": 2, "clips": 3}
    turned: Parameters = {"clips": 3, "top_k": 2}
    key = key_of(one, asked, "model")
    assert key == key_of(same, turned, "model")
    others = {key_of(other, asked, "model"), key_of(one, {"top_k": 3}, "model"), key_of(one, asked, "another")}
    assert len(others | {key}) == 4
