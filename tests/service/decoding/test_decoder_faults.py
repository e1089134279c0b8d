"""Children that lie, systems that refuse, servers that go: whose fault it is, and that nobody waits for it."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from service.decoding.decoder import Decoder
from service.errors import DecoderCrashedError, DecoderUnavailableError

from ...support.jobs import job_of
from ...support.rogue_fork_server import ROGUE
from ...support.videos import write_video

SOON = 15.0  # seconds; a job's deadline is 60


def running(body: Callable[[Decoder], Awaitable[None]]) -> None:
    async def run() -> None:
        decoder = Decoder(2, 8)
        await decoder.start()
        try:
            await asyncio.wait_for(body(decoder), SOON)
        finally:
            await decoder.close()

    asyncio.run(run())


async def clips_of(decoder: Decoder, path: Path) -> int:
    async with decoder.open(job_of(path)) as stream:
        return len([clip async for clip in stream.clips()])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nonsense", "broke its protocol: message too long"),
        ("opens-twice", "broke its protocol: opened out of order"),
        ("clip-first", "broke its protocol: clip out of order"),
        ("hangs-up", "closed its connection and went on"),
    ],
)
def test_a_child_that_lies_and_lives_is_killed_and_told_at_once(
    name: str, reason: str, tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", ROGUE)
    before = set(psutil.Process().children(recursive=True))

    async def body(decoder: Decoder) -> None:
        with pytest.raises(DecoderCrashedError, match=reason):
            await clips_of(decoder, tmp_path / name)
        [server] = set(psutil.Process().children(recursive=True)) - before
        assert server.children() == []
        assert await clips_of(decoder, video) == 2

    (tmp_path / name).write_bytes(b"")
    running(body)


@pytest.mark.parametrize(
    ("name", "reason"), [("no-process", "Resource temporarily unavailable"), ("no-descriptor", "no descriptor is left")]
)
def test_a_failed_fork_is_that_requests_503_and_nobody_elses(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", ROGUE)
    long = write_video(tmp_path / "long.mp4", 320, size=(64, 48))

    async def body(decoder: Decoder) -> None:
        async with decoder.open(job_of(long)) as other:
            clips = other.clips()
            await anext(clips)
            with pytest.raises(DecoderUnavailableError, match=reason) as caught:
                await clips_of(decoder, tmp_path / name)
            assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
            assert len([clip async for clip in clips]) == 9

    running(body)


def test_a_lost_fork_server_is_503_for_all_it_had_and_replaced_before_it_is_needed(
    tmp_path: Path, video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    long = write_video(tmp_path / "long.mp4", 2000, size=(64, 48))
    before = set(psutil.Process().children(recursive=True))

    async def body(decoder: Decoder) -> None:
        [server] = set(psutil.Process().children(recursive=True)) - before

        async def one(started: asyncio.Event) -> None:
            async with decoder.open(job_of(long)) as stream:
                async for _ in stream.clips():
                    started.set()

        events = [asyncio.Event() for _ in range(3)]
        tasks = [asyncio.create_task(one(event)) for event in events]
        for event in events:
            await event.wait()
        os.kill(server.pid, signal.SIGKILL)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [DecoderUnavailableError] * 3
        deadline = time.monotonic() + SOON
        while not (set(psutil.Process().children(recursive=True)) - before - {server}):
            assert time.monotonic() < deadline, "no new server, though no video asked for one"
            await asyncio.sleep(0.02)
        assert await clips_of(decoder, video) == 2

    with caplog.at_level(logging.WARNING):
        running(body)
    assert "starting another" in caplog.text


def test_a_child_killed_by_the_system_is_not_the_files_fault(tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", 2000, size=(64, 48))
    before = set(psutil.Process().children(recursive=True))

    async def body(decoder: Decoder) -> None:
        with pytest.raises(DecoderUnavailableError, match="killed the decoder"):
            async with decoder.open(job_of(long)) as stream:
                async for span, _ in stream.clips():
                    if span.index == 0:
                        processes = set(psutil.Process().children(recursive=True)) - before
                        [child] = [process for process in processes if not process.children()]
                        os.kill(child.pid, signal.SIGKILL)

    running(body)
