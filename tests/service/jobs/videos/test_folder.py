"""Videos in a folder."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service.errors import JobLostError, JobsUnavailableError
from service.jobs.videos.folder import Folder


def with_video(root: Path, work: Callable[[Folder], Awaitable[None]]) -> None:
    """`work` on a folder with the video "job", of 5 bytes."""

    async def run() -> None:
        folder = Folder(root)
        (folder.incoming / "upload").write_bytes(b"video")
        await folder.keep(folder.incoming / "upload", "job")
        await work(folder)

    asyncio.run(run())


async def fetch(folder: Folder, job: str, size: int) -> bytes:
    async with folder.at_hand(job, size) as path:
        return path.read_bytes()


def test_a_video_is_moved_in_and_removed(tmp_path: Path) -> None:
    async def work(folder: Folder) -> None:
        assert await fetch(folder, "job", 5) == b"video"
        assert not list(folder.incoming.iterdir())
        await folder.remove("job")
        await folder.remove("job")
        with pytest.raises(JobLostError):
            await fetch(folder, "job", 5)

    with_video(tmp_path, work)


def test_a_video_that_is_not_the_one_that_was_sent_is_lost(tmp_path: Path) -> None:
    async def work(folder: Folder) -> None:
        with pytest.raises(JobLostError):
            await fetch(folder, "job", 6)

    with_video(tmp_path, work)


def test_a_folder_that_is_gone_has_lost_nothing_yet(tmp_path: Path) -> None:
    async def work(folder: Folder) -> None:
        shutil.rmtree(tmp_path / "videos")
        with pytest.raises(JobsUnavailableError):
            await fetch(folder, "job", 5)
        with pytest.raises(JobsUnavailableError):
            await folder.old()

    with_video(tmp_path, work)
