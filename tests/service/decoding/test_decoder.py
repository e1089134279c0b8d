import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest

from engine_builder.manifest import Frames
from service.decoding import messages
from service.decoding.clip_stream import ClipStream, ProtocolError
from service.decoding.decoder import Decoder
from service.decoding.fork_client import explain_exit
from service.decoding.video import Video
from service.errors import (
    DecoderCrashedError,
    DecoderUnavailableError,
    FrameTooLargeError,
    ServiceError,
    UnsupportedMediaError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)

from ...support.jobs import job_of
from ...support.videos import write_video

T = TypeVar("T")


OPEN_SLOTS = 4


def with_decoder(body: Callable[[Decoder], Awaitable[T]], workers: int = 2) -> T:
    """Run `body` with a decoder, and see that no process is left."""

    async def run() -> T:
        decoder = Decoder(workers, workers * OPEN_SLOTS)
        await decoder.start()
        try:
            return await asyncio.wait_for(body(decoder), 30)
        finally:
            await decoder.close()

    before = set(psutil.Process().children(recursive=True))
    try:
        return asyncio.run(run())
    finally:
        assert set(psutil.Process().children(recursive=True)) <= before


async def all_of(stream: ClipStream) -> list[tuple[messages.ClipSpan, Frames]]:
    return [clip async for clip in stream.clips()]


Processes = Callable[[], list[psutil.Process]]


@pytest.fixture
def child_processes() -> Processes:
    """The processes that are there now and were not before the test: fork server and decode children."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [process for process in psutil.Process().children(recursive=True) if process not in before]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize(("frames", "clips"), [(32, 1), (33, 1), (64, 2), (75, 2)])
def test_clips_arrive_whole(tmp_path: Path, frames: int, clips: int) -> None:
    job = job_of(write_video(tmp_path / "a.mp4", frames))

    async def body(decoder: Decoder) -> None:
        async with decoder.open(job) as stream:
            found = await all_of(stream)
        assert stream.opened == messages.Opened(codec="h264", width=320, height=240, frame_rate=25)
        assert stream.ended is not None
        assert (stream.ended.frames, stream.ended.clips, stream.ended.partial) == (frames, clips, False)
        assert stream.ended.duration_seconds == pytest.approx(frames / 25)
        expected = [frame.picture.copy() for frame in Video(job).frames()]
        assert len(found) == clips
        for index, (clip, pictures) in enumerate(found):
            assert clip.start_frame == index * 32
            assert (pictures == np.stack(expected[index * 32 : index * 32 + 32])).all()

    with_decoder(body)


def test_frame_rate_is_applied(tmp_path: Path) -> None:
    job = job_of(write_video(tmp_path / "a.mp4", 70, rate="50"), frame_rate=25.0)

    async def body(decoder: Decoder) -> messages.ClipSpan:
        async with decoder.open(job) as stream:
            return (await all_of(stream))[0][0]

    clip = with_decoder(body)
    assert (clip.start_frame, clip.end_frame) == (0, 63)
    assert clip.end_seconds == pytest.approx(1.28)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"frames": 80}, VideoTooShortError),
        ({"max_frames": 70}, VideoTooLongError),
        ({"max_frame_pixels": 100}, FrameTooLargeError),
    ],
)
def test_the_childs_errors_become_the_services(video: Path, changes: dict[str, int], error: type[ServiceError]) -> None:
    async def body(decoder: Decoder) -> None:
        async with decoder.open(job_of(video, **changes)) as decoding:
            await all_of(decoding)

    with pytest.raises(error):
        with_decoder(body)


@pytest.mark.parametrize(("content", "error"), [(b"text", UnsupportedMediaError), (b"", VideoError)])
def test_files_that_are_no_video(tmp_path: Path, content: bytes, error: type[ServiceError]) -> None:
    (tmp_path / "video").write_bytes(content)

    async def body(decoder: Decoder) -> None:
        async with decoder.open(job_of(tmp_path / "video")) as decoding:
            await all_of(decoding)

    with pytest.raises(error):
        with_decoder(body)


def test_leaving_early_kills_the_child(tmp_path: Path, child_processes: Processes) -> None:
    job = job_of(write_video(tmp_path / "long.mp4", 2000, size=(64, 48)))

    async def body(decoder: Decoder) -> None:
        async with decoder.open(job) as decoding:
            await anext(decoding.clips())
            assert len(child_processes()) == 2
        assert len(child_processes()) == 1

    with_decoder(body)


def test_a_child_that_dies_is_one_error_and_the_next_video_works(
    video: Path, tmp_path: Path, child_processes: Processes
) -> None:
    long = write_video(tmp_path / "long.mp4", 2000, size=(64, 48))

    async def body(decoder: Decoder) -> None:
        with pytest.raises(DecoderCrashedError, match="SIGSEGV"):
            async with decoder.open(job_of(long)) as decoding:
                async for span, _ in decoding.clips():
                    if span.index == 0:
                        [child] = [process for process in child_processes() if not process.children()]
                        os.kill(child.pid, signal.SIGSEGV)
        async with decoder.open(job_of(video)) as decoding:
            assert len(await all_of(decoding)) == 2

    with_decoder(body)


def test_a_fork_server_that_dies_is_replaced(video: Path, tmp_path: Path, child_processes: Processes) -> None:
    long = write_video(tmp_path / "long.mp4", 2000, size=(64, 48))

    async def body(decoder: Decoder) -> None:
        [server] = child_processes()
        with pytest.raises(DecoderUnavailableError, match="send it again"):
            async with decoder.open(job_of(long)) as decoding:
                async for span, _ in decoding.clips():
                    if span.index == 0:
                        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: len(child_processes()) == 0 or child_processes()[0].pid != server.pid)
        async with decoder.open(job_of(video)) as decoding:
            assert len(await all_of(decoding)) == 2

    with_decoder(body)


def test_no_more_children_than_places(tmp_path: Path, child_processes: Processes) -> None:
    job = job_of(write_video(tmp_path / "a.mp4", 200, size=(64, 48)))
    most = 0

    async def one(decoder: Decoder) -> None:
        nonlocal most
        async with decoder.open(job) as decoding:
            async for _ in decoding.clips():
                most = max(most, len(child_processes()) - 1)

    async def body(decoder: Decoder) -> None:
        await asyncio.gather(*(one(decoder) for _ in range(8)))

    with_decoder(body, workers=1)
    assert 1 < most <= OPEN_SLOTS


def test_videos_take_turns(tmp_path: Path) -> None:
    """With one worker and long videos in progress, a short one is through before any of them has gone far."""
    long = job_of(write_video(tmp_path / "long.mp4", 32 * 40, size=(64, 48)))
    short = job_of(write_video(tmp_path / "short.mp4", 64, size=(64, 48)))
    clips = [0, 0]

    async def one(decoder: Decoder, number: int, started: asyncio.Event) -> None:
        async with decoder.open(long) as decoding:
            async for _ in decoding.clips():
                clips[number] += 1
                started.set()

    async def body(decoder: Decoder) -> None:
        events = [asyncio.Event() for _ in clips]
        running = [asyncio.create_task(one(decoder, number, event)) for number, event in enumerate(events)]
        for event in events:
            await event.wait()
        before = list(clips)
        async with decoder.open(short) as decoding:
            assert len(await all_of(decoding)) == 2
        assert all(0 < now - then <= 6 for now, then in zip(clips, before, strict=True)), (before, clips)
        await asyncio.gather(*running)
        assert clips == [40, 40]

    with_decoder(body, workers=1)


def test_a_video_whose_clips_are_not_taken_holds_up_nobody(tmp_path: Path) -> None:
    long = job_of(write_video(tmp_path / "long.mp4", 320, size=(64, 48)))

    async def body(decoder: Decoder) -> None:
        async with decoder.open(long) as idle:
            stream = idle.clips()
            await anext(stream)
            async with decoder.open(long) as decoding:
                assert len(await all_of(decoding)) == 10
            assert len([clip async for clip in stream]) == 9

    with_decoder(body, workers=1)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (messages.LENGTHS.pack(messages.MAX_HEADER_BYTES + 1, 0), "too long"),
        (messages.LENGTHS.pack(2, 0) + b"{}", "malformed"),
        (messages.LENGTHS.pack(4, 0) + b"\xff\xff\xff\xff", "malformed"),
    ],
)
def test_a_child_that_sends_nonsense_is_not_believed(packet: bytes, reason: str) -> None:
    import socket

    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.sendall(packet)
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(ProtocolError, match=reason):
                await all_of(ClipStream(job_of(Path("unused")), ours, asyncio.Semaphore(1)))

    asyncio.run(body())


def test_a_clip_of_a_wrong_size_is_not_believed() -> None:
    import socket

    clip = messages.ClipSpan(index=0, start_frame=0, end_frame=32, start_seconds=0, end_seconds=1)
    header = clip.model_dump_json().encode()

    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.sendall(messages.LENGTHS.pack(len(header), 5) + header + b"12345")
            with pytest.raises(ProtocolError, match="wrong size"):
                await all_of(ClipStream(job_of(Path("unused")), ours, asyncio.Semaphore(1)))

    asyncio.run(body())


@pytest.mark.parametrize(
    ("status", "reason"),
    [(-signal.SIGXCPU, "took too long"), (-signal.SIGKILL, "want of memory"), (-signal.SIGABRT, "SIGABRT"), (1, "1")],
)
def test_exit_statuses_are_explained(status: int, reason: str) -> None:
    assert reason in explain_exit(status).detail
