"""Videos in a bucket, on a server that speaks S3."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service.errors import JobLostError, JobsStorageError, JobsUnavailableError, StartupError
from service.jobs.videos import bucket as module
from service.jobs.videos.bucket import PART_BYTES, Bucket
from service.jobs.videos.opening import open_videos
from tests.support.object_store import PREFIX, ObjectStore, Refusal

JOB = "a" * 24
KEY = f"{PREFIX}/{JOB}"

Work = Callable[[Bucket], Awaitable[None]]


def on(url: str, incoming: Path, work: Work) -> None:
    async def run() -> None:
        async with Bucket.open(url, incoming) as bucket:
            await work(bucket)

    asyncio.run(run())


def upload(folder: Path, size: int) -> Path:
    path = folder / "upload"
    path.write_bytes(os.urandom(size))
    return path


@pytest.mark.parametrize("size", [1, PART_BYTES, 2 * PART_BYTES + 3])
def test_a_video_comes_back_as_it_was(store: ObjectStore, tmp_path: Path, size: int) -> None:
    video = upload(tmp_path, size)

    async def work(bucket: Bucket) -> None:
        await bucket.keep(video, JOB)
        assert store.keys() == [KEY]
        async with bucket.at_hand(JOB, size) as path:
            assert path.read_bytes() == video.read_bytes()
            assert path.read_bytes() == video.read_bytes()  # each who opens it begins at its start
        await bucket.remove(JOB)
        await bucket.remove(JOB)

    on(store.videos, tmp_path, work)
    assert store.keys() == []
    assert list(tmp_path.iterdir()) == [video]


@pytest.mark.parametrize("there", [None, 9, 11])
def test_a_video_that_is_not_the_one_that_was_sent_is_lost(
    store: ObjectStore, tmp_path: Path, there: int | None
) -> None:
    if there is not None:
        store.put(KEY, bytes(there))

    async def work(bucket: Bucket) -> None:
        with pytest.raises(JobLostError):
            async with bucket.at_hand(JOB, 10):
                pass

    on(store.videos, tmp_path, work)


def test_a_video_that_is_removed_while_it_comes_is_lost_and_the_bucket_not_away(
    store: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size = 2 * PART_BYTES
    store.put(KEY, bytes(size))

    async def work(bucket: Bucket) -> None:
        async def fetch() -> None:
            async with bucket.at_hand(JOB, size):
                pass

        store.gate.close()
        fetching = asyncio.create_task(fetch())
        await asyncio.to_thread(store.gate.wait_held)
        store.remove(KEY)
        store.gate.open()
        with pytest.raises(JobLostError):
            await fetching

    on(store.videos, tmp_path, work)
    assert not [each for each in caplog.records if each.name == module.__name__]


def test_a_bucket_that_is_gone_has_lost_nothing_yet(store: ObjectStore, tmp_path: Path) -> None:
    async def work(bucket: Bucket) -> None:
        store.client.delete_bucket(Bucket=store.bucket)
        with pytest.raises(JobsUnavailableError):
            async with bucket.at_hand(JOB, 10):
                pass

    on(store.videos, tmp_path, work)


def test_no_room_for_a_video_on_its_way_is_no_loss(store: ObjectStore, tmp_path: Path) -> None:
    async def work(bucket: Bucket) -> None:
        with pytest.raises(JobsUnavailableError, match="File too large"):
            async with bucket.at_hand(JOB, 1 << 62):
                pass

    on(store.videos, tmp_path, work)


def test_left_overs_are_found_and_nothing_else(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ("other", f"{JOB}", f"{PREFIX}2/{JOB}", f"{PREFIX}/{JOB}/deeper", f"{PREFIX}/notes.txt", f"{PREFIX}/")
    for key in (KEY, *others):
        store.put(key)

    async def work(bucket: Bucket) -> None:
        assert await bucket.old() == []
        monkeypatch.setattr(module, "LEFT_OVER_SECONDS", -60.0)
        assert await bucket.old() == [JOB]

    on(store.videos, tmp_path, work)


@pytest.mark.parametrize("name", ["../other", "", "a/b", f"{JOB}/x", "notes.txt"])
def test_what_is_no_id_is_never_touched(store: ObjectStore, tmp_path: Path, name: str) -> None:
    store.put("videos/other")
    store.put(f"{PREFIX}/notes.txt")
    before = store.keys()

    async def work(bucket: Bucket) -> None:
        with pytest.raises(ValueError, match="no id of a job"):
            await bucket.remove(name)

    on(store.videos, tmp_path, work)
    assert store.keys() == before


@pytest.mark.parametrize(
    ("status", "code"), [("507 Insufficient Storage", "XMinioStorageFull"), ("403 Forbidden", "QuotaExceeded")]
)
def test_a_full_bucket_is_told(store: ObjectStore, tmp_path: Path, status: str, code: str) -> None:
    async def work(bucket: Bucket) -> None:
        store.refusal = Refusal("PUT", status, code)
        with pytest.raises(JobsStorageError, match="no space is left"):
            await bucket.keep(upload(tmp_path, 10), JOB)

    on(store.videos, tmp_path, work)


def test_a_bucket_that_is_away_is_told_once_in_the_log_and_when_it_is_back(
    store: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(bucket: Bucket) -> None:
        store.stop()
        for _ in range(2):
            with pytest.raises(JobsUnavailableError) as refused:
                await bucket.keep(upload(tmp_path, 10), JOB)
        assert refused.value.headers == {"Retry-After": "5"}
        assert store.url not in refused.value.detail
        await bucket.remove(JOB)
        store.start()
        with caplog.at_level(logging.INFO):
            await bucket.keep(upload(tmp_path, 10), JOB)

    on(store.videos, tmp_path, work)
    told = [each.getMessage() for each in caplog.records if each.name == module.__name__]
    assert len(told) == 2
    assert store.url in told[0]
    assert told[1] == "the bucket of jobs' videos is back"


def test_a_server_that_says_nothing_is_not_waited_for(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.CONFIG, "read_timeout", 0.2)
    store.put(KEY, bytes(10))

    async def work(bucket: Bucket) -> None:
        store.gate.close()
        with pytest.raises(JobsUnavailableError):
            async with bucket.at_hand(JOB, 10):
                pass

    on(store.videos, tmp_path, work)


def test_who_is_given_up_while_a_video_comes_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    store.put(KEY, bytes(10))

    async def work(bucket: Bucket) -> None:
        store.gate.close()

        async def fetch() -> None:
            async with bucket.at_hand(JOB, 10):
                pass

        fetching = asyncio.create_task(fetch())
        await asyncio.to_thread(store.gate.wait_held)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    on(store.videos, tmp_path, work)


def start(url: str, folder: Path) -> None:
    async def run() -> None:
        async with open_videos(url, folder):
            pass

    asyncio.run(run())


def test_a_bucket_that_is_not_there_stops_the_start(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^R3D_JOBS_VIDEOS: .*bucket cannot be reached"):
        start("s3://no-such-bucket/videos", tmp_path)


def test_a_server_that_is_not_there_stops_the_start(store: ObjectStore, tmp_path: Path) -> None:
    store.stop()
    with pytest.raises(StartupError, match=r"^R3D_JOBS_VIDEOS: .*bucket cannot be reached"):
        start(store.videos, tmp_path)


def test_an_endpoint_that_is_no_url_stops_the_start_and_leaves_no_thread(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "storage.example.org:9000")
    with pytest.raises(StartupError, match=r"storage\.example\.org:9000"):
        start(store.videos, tmp_path)
    assert "jobs-videos" not in [thread.name for thread in threading.enumerate()]


def test_a_missing_extra_stops_the_start(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StartupError, match="extra `s3`"):
        start(store.videos, tmp_path)
