"""What becomes of jobs when servers end, the database is away, disks are full, and clients leave."""

import asyncio
import errno
import json
import logging
import os
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from service.errors import StartupError
from service.jobs import database
from service.jobs.opening import SQLITE_FILE
from service.jobs.tables import JOBS
from service.settings import Settings
from service.web import ndjson
from service.web.lifecycle import Lifecycle
from tests.support.client import problem
from tests.support.postgresql import Postgresql
from tests.support.sent_jobs import Sent
from tests.support.stubs import BrightnessBackend, factory_of
from tests.support.waiting import eventually

from .conftest import Serve


def running(sent: Sent, job: str) -> bool:
    return bool(sent.known(job)["status"] == "running")


def test_a_server_that_ends_gives_its_job_to_another(serve: Serve, video: Path) -> None:
    worker = serve()
    worker.server.gate.close()
    job = worker.send(video.read_bytes())
    eventually(lambda: running(worker, job))
    with worker.followed(job) as lines:
        next(lines)
        worker.server.lifecycle.drain()
        last = list(lines)[-1]
    assert last["type"] == "urn:r3d:problem:not-ready"
    problem(worker.post(video.read_bytes()), 503, "not-ready")
    assert worker.known(job)["status"] == "running"  # who asks is answered as long as the server is there
    worker.server.gate.open()
    worker.server.server.should_exit = True
    other = serve()
    done = other.through(job)
    assert done["status"] == "succeeded"
    assert other.server.metric("r3d_jobs_taken_back_total") == 0


def test_a_server_that_is_to_end_takes_no_job_up(serve: Serve, video: Path) -> None:
    worker, other = serve(decode_workers=1), serve(decode_workers=1)
    worker.server.lifecycle.drain()
    jobs = [other.send(video.read_bytes()) for _ in range(3)]
    for job in jobs:
        other.through(job)
    assert other.server.metric("r3d_jobs_attempts_total", outcome="succeeded") == 3


@pytest.mark.parametrize("jobs_url", ["postgresql"], indirect=True)
def test_a_database_that_is_away_loses_nothing(postgresql: Postgresql, serve: Serve, video: Path) -> None:
    sent = serve()
    sent.server.gate.close()
    job = sent.send(video.read_bytes())
    waiting = [sent.send(video.read_bytes()) for _ in range(3)]
    eventually(lambda: running(sent, job))
    with sent.followed(job) as lines:
        next(lines)
        postgresql.stop()
        try:
            refused = sent.post(video.read_bytes())
            problem(refused, 503, "jobs-unavailable")
            assert int(refused.headers["Retry-After"]) > 0
            problem(sent.get(job), 503, "jobs-unavailable")
            problem(sent.server.post(b"no video"), 415, "unsupported-media")  # requests are answered
            sent.server.gate.open()
            eventually(lambda: sent.server.metric("r3d_clips_classified_total") == 4)
        finally:
            postgresql.start()
        assert [line["event"] for line in lines if line["event"] != "job"] == ["clip", "clip", "result"]
    for each in (job, *waiting):
        assert sent.through(each)["status"] == "succeeded"
    assert sent.server.metric("r3d_jobs_attempts_total", outcome="succeeded") == 4


def test_an_upload_that_is_cut_leaves_nothing(serve: Serve, video: Path, tmp_path: Path) -> None:
    sent = serve()
    head = "POST /v1/classify HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\nContent-Type: video/mp4\r\n"
    with socket.create_connection(("127.0.0.1", sent.server.port)) as client:
        client.sendall(f"{head}Content-Length: 4000000\r\n\r\n".encode() + bytes(2_000_000))
        eventually(lambda: list((tmp_path / "jobs" / "incoming").glob("*/tmp*/video")))
    eventually(lambda: not list((tmp_path / "jobs" / "incoming").glob("*/tmp*")))
    assert not list((tmp_path / "jobs" / "videos").iterdir())
    eventually(lambda: sent.server.metric("r3d_requests_in_progress") == 0)


def test_an_upload_that_the_end_of_the_drain_cuts_off_is_told_so(serve: Serve, tmp_path: Path) -> None:
    sent = serve()
    head = "POST /v1/classify HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\nContent-Type: video/mp4\r\n"
    with socket.create_connection(("127.0.0.1", sent.server.port), timeout=20) as client:
        client.sendall(f"{head}Content-Length: 4000000\r\n\r\n".encode() + bytes(2_000_000))
        eventually(lambda: list((tmp_path / "jobs" / "incoming").glob("*/tmp*/video")))
        sent.server.lifecycle.drain()
        sent.server.server._loop.call_soon_threadsafe(sent.server.lifecycle.aborted.set)  # type: ignore[union-attr]
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"urn:r3d:problem:not-ready" in answer
    eventually(lambda: not list((tmp_path / "jobs" / "incoming").glob("*/tmp*")))


def test_an_upload_has_its_room_before_it_is_there(serve: Serve, video: Path, tmp_path: Path) -> None:
    sent = serve(jobs_bytes=video.stat().st_size + 1_000_000)
    head = "POST /v1/classify HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\nContent-Type: video/mp4\r\n"
    with socket.create_connection(("127.0.0.1", sent.server.port)) as client:
        client.sendall(f"{head}Content-Length: 1000001\r\n\r\n".encode() + bytes(1000))
        eventually(lambda: list((tmp_path / "jobs" / "incoming").glob("*/tmp*/video")))
        problem(sent.post(video.read_bytes()), 507, "jobs-storage")
    eventually(lambda: sent.server.metric("r3d_requests_in_progress") == 0)
    sent.through(sent.send(video.read_bytes()))


def test_who_waits_on_a_server_that_is_to_end_is_sent_on(serve: Serve, video: Path) -> None:
    sent = serve()
    sent.server.gate.close()
    job = sent.send(video.read_bytes())
    eventually(lambda: running(sent, job))
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(sent.get, job, wait=25)
        eventually(lambda: sent.server.lifecycle.jobs and sent.server.lifecycle.jobs.changes._waiting)
        sent.server.lifecycle.drain()
        refused = waiting.result(20)
    problem(refused, 503, "not-ready")
    assert refused.headers["Retry-After"] == "5"
    assert sent.known(job)["status"] == "running"


def test_a_full_disk_is_told(serve: Serve, video: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent = serve()

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as changed:
        changed.setattr("service.jobs.videos.folder.os.fsync", full)
        problem(sent.post(video.read_bytes()), 507, "jobs-storage")
    assert not list((tmp_path / "jobs" / "videos").iterdir())
    sent.through(sent.send(video.read_bytes()))


@pytest.mark.parametrize("jobs_url", ["sqlite"], indirect=True)
def test_a_follower_that_takes_nothing_is_let_go(
    serve: Serve, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ndjson, "SEND_SECONDS", 0.5)
    sent = serve()
    job = sent.send(video.read_bytes())
    answer = sent.through(job)["result"]
    answer["clips"] = [clip | {"index": index} for index, clip in enumerate(answer["clips"] * 10_000)]
    engine = database.engine_of(database.sqlite_url(tmp_path / "jobs" / SQLITE_FILE))
    with engine.begin() as connection:  # of more megabytes than all buffers between the two
        longer = zlib.compress(json.dumps(answer).encode(), 1)
        connection.execute(update(JOBS).where(JOBS.c.id == job).values(answer=longer))
    engine.dispose()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", sent.server.port))
        client.sendall(f"GET /v1/jobs/{job} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n".encode())
        with caplog.at_level(logging.INFO, "service.requests"):
            eventually(lambda: "/v1/jobs/{job_id} 200 client-left" in caplog.text, 20)
    with sent.followed(job) as lines:
        assert next(lines)["status"] == "succeeded"


@pytest.mark.parametrize("jobs_url", ["sqlite"], indirect=True)
def test_a_full_database_is_told_until_there_is_room(
    serve: Serve, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "max_page_count = 40"))
    sent = serve()
    sent.server.gate.close()
    taken = []
    while (answer := sent.post(video.read_bytes())).status_code == 202:
        taken.append(answer.json()["id"])
        assert len(taken) < 200
    problem(answer, 507, "jobs-storage")
    for job in taken:
        assert sent.http.delete(f"/v1/jobs/{job}").status_code == 200
    sent.server.gate.open()
    sent.through(sent.send(video.read_bytes()))


async def _loaded(settings: Settings) -> Lifecycle:
    lifecycle = Lifecycle(settings, factory_of(BrightnessBackend()))
    lifecycle.start()
    try:
        await lifecycle.wait_until_loaded()
        return lifecycle
    finally:
        await lifecycle.close()


def test_a_database_that_cannot_be_reached_stops_the_start(model_directory: Path) -> None:
    url = SecretStr("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(StartupError, match="database of jobs cannot be reached now"):
        asyncio.run(_loaded(Settings(model=model_directory, jobs=url)))


def test_webhooks_without_a_secret_stop_the_start(model_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="R3D_WEBHOOK_HOSTS needs R3D_WEBHOOK_SECRET"):
        asyncio.run(_loaded(Settings(model=model_directory, jobs_dir=tmp_path, webhook_hosts=("a.org",))))


def test_a_folder_that_was_asked_for_and_cannot_be_made_stops_the_start(model_directory: Path, video: Path) -> None:
    with pytest.raises(StartupError, match=r"^R3D_JOBS_DIR: .*Not a directory"):
        asyncio.run(_loaded(Settings(model=model_directory, jobs_dir=video / "jobs")))


def test_where_there_is_no_place_for_jobs_and_nobody_asked_none_are_kept(
    model_directory: Path, video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(video))
    asyncio.run(_loaded(Settings(model=model_directory)))
    assert "no jobs are kept" in caplog.text
