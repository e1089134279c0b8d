"""A file to clips, through real fork servers and decode children."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from service.decoding import messages
from service.decoding.child import STEP_BACK
from service.decoding.decoder import Decoder
from service.errors import (
    DecoderCrashedError,
    FrameTooLargeError,
    ServiceError,
    UnsupportedMediaError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)

from ...support.decoders import OPEN_PER_SLOT, all_of, with_decoder
from ...support.jobs import job_of, video_of
from ...support.processes import decoding_below, new_fork_servers
from ...support.videos import write_video


def test_clips_arrive_whole(tmp_path: Path) -> None:
    async def check(decoder: Decoder, frames: int, clips: int) -> None:
        job = job_of(write_video(tmp_path / "a.mp4", frames))
        async with decoder.open(job) as stream:
            found = await all_of(stream)
        assert stream.opened == messages.Opened(codec="h264", width=320, height=240, frame_rate=25, frames=frames)
        assert stream.ended is not None
        assert (stream.ended.frames, stream.ended.clips, stream.ended.partial) == (frames, clips, False)
        assert stream.ended.duration_seconds == pytest.approx(frames / 25)
        expected = [frame.picture.copy() for frame in video_of(job).frames()]
        assert len(found) == clips
        for index, (clip, pictures) in enumerate(found):
            assert clip.start_frame == index * 32
            assert (pictures == np.stack(expected[index * 32 : index * 32 + 32])).all()

    async def body(decoder: Decoder) -> None:
        for frames, clips in ((32, 1), (33, 1), (64, 2), (75, 2)):
            await check(decoder, frames, clips)

    with_decoder(body)


def test_frame_rate_is_applied(tmp_path: Path) -> None:
    job = job_of(write_video(tmp_path / "a.mp4", 70, rate="50"), frame_rate=25.0)

    async def body(decoder: Decoder) -> messages.ClipSpan:
        async with decoder.open(job) as stream:
            return (await all_of(stream))[0][0]

    clip = with_decoder(body)
    assert (clip.start_frame, clip.end_frame) == (0, 63)
    assert clip.end_seconds == pytest.approx(1.28)


def test_a_video_that_is_no_newcomer_steps_back(tmp_path: Path) -> None:
    job = job_of(write_video(tmp_path / "a.mp4", 32 * (messages.NEWCOMER_ASKS + 2)))

    async def body(decoder: Decoder) -> list[int]:
        async with decoder.open(job) as stream:
            return [decoding_below(servers()[0])[0].nice() async for _ in stream.clips()]

    servers, usual = new_fork_servers(), os.nice(0)
    *newcomer, since, _ = with_decoder(body)
    assert newcomer == [usual] * messages.NEWCOMER_ASKS
    assert since == usual + STEP_BACK


def test_a_childs_errors_become_the_services(tmp_path: Path, video: Path) -> None:
    text, empty = tmp_path / "text", tmp_path / "empty"
    text.write_bytes(b"text")
    empty.write_bytes(b"")
    expected: list[tuple[messages.Job, type[ServiceError]]] = [
        (job_of(video, frames=80), VideoTooShortError),
        (job_of(video, max_frames=70), VideoTooLongError),
        (job_of(video, max_frame_pixels=100), FrameTooLargeError),
        (job_of(text), UnsupportedMediaError),
        (job_of(empty), VideoError),
    ]

    async def body(decoder: Decoder) -> None:
        for job, error in expected:
            with pytest.raises(ServiceError) as caught:
                async with decoder.open(job) as stream:
                    await all_of(stream)
            assert type(caught.value) is error

    with_decoder(body)


def test_leaving_early_kills_the_child(long_video: Path) -> None:
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()
        async with decoder.open(job_of(long_video)) as stream:
            await anext(stream.clips())
            assert len(decoding_below(server)) == 1
        assert decoding_below(server) == []

    with_decoder(body)


def test_a_child_that_dies_is_one_error_and_the_next_video_works(video: Path, long_video: Path) -> None:
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()
        with pytest.raises(DecoderCrashedError, match="SIGSEGV"):
            async with decoder.open(job_of(long_video)) as stream:
                async for span, _ in stream.clips():
                    if span.index == 0:
                        [child] = decoding_below(server)
                        os.kill(child.pid, signal.SIGSEGV)
        async with decoder.open(job_of(video)) as stream:
            assert len(await all_of(stream)) == 2

    with_decoder(body)


def test_no_more_children_than_open_slots(tmp_path: Path) -> None:
    job = job_of(write_video(tmp_path / "a.mp4", 200, size=(64, 48)))
    servers = new_fork_servers()
    most = 0

    async def one(decoder: Decoder) -> None:
        nonlocal most
        [server] = servers()
        async with decoder.open(job) as stream:
            async for _ in stream.clips():
                most = max(most, len(decoding_below(server)))

    async def body(decoder: Decoder) -> None:
        await asyncio.gather(*(one(decoder) for _ in range(8)))

    with_decoder(body, slots=1)
    assert 1 < most <= OPEN_PER_SLOT


def test_videos_take_turns(tmp_path: Path) -> None:
    """With one decode slot and long videos in progress, a short one is through before any of them has gone far."""
    long = job_of(write_video(tmp_path / "long.mp4", 32 * 40, size=(64, 48)))
    short = job_of(write_video(tmp_path / "short.mp4", 64, size=(64, 48)))
    clips = [0, 0]

    async def one(decoder: Decoder, number: int, started: asyncio.Event) -> None:
        async with decoder.open(long) as stream:
            async for _ in stream.clips():
                clips[number] += 1
                started.set()

    async def body(decoder: Decoder) -> None:
        events = [asyncio.Event() for _ in clips]
        running = [asyncio.create_task(one(decoder, number, event)) for number, event in enumerate(events)]
        for event in events:
            await event.wait()
        before = list(clips)
        async with decoder.open(short) as stream:
            assert len(await all_of(stream)) == 2
        assert all(0 < now - then <= 6 for now, then in zip(clips, before, strict=True)), (before, clips)
        await asyncio.gather(*running)
        assert clips == [40, 40]

    with_decoder(body, slots=1)


def test_a_video_whose_clips_are_not_taken_holds_up_nobody(tmp_path: Path) -> None:
    long = job_of(write_video(tmp_path / "long.mp4", 320, size=(64, 48)))

    async def body(decoder: Decoder) -> None:
        async with decoder.open(long) as idle:
            clips = idle.clips()
            await anext(clips)
            async with decoder.open(long) as stream:
                assert len(await all_of(stream)) == 10
            assert len([clip async for clip in clips]) == 9

    with_decoder(body, slots=1)


def test_a_video_is_not_open_any_more_when_its_block_is_left(tmp_path: Path) -> None:
    """Its child may take a moment to leave; the next video is to have all threads at once."""
    job = job_of(write_video(tmp_path / "a.mp4", 33))

    async def body(decoder: Decoder) -> None:
        for _ in range(3):
            async with decoder.open(job) as stream:
                assert decoder.open_videos == 1
                await all_of(stream)
            assert decoder.open_videos == 0

    with_decoder(body)
