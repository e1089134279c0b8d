"""Children that lie, systems that refuse, servers that go: whose fault it is, and that nobody waits for it."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from service.decoding.decoder import Decoder
from service.errors import DecoderCrashedError, DecoderUnavailableError

from ...support.decoders import all_of, with_decoder
from ...support.jobs import job_of
from ...support.processes import decoding_below, new_fork_servers
from ...support.rogue_fork_server import ROGUE
from ...support.videos import write_video
from ...support.waiting import eventually_async

SOON = 15.0  # seconds; a job's deadline is 60


async def clips_of(decoder: Decoder, path: Path) -> int:
    async with asyncio.timeout(SOON), decoder.open(job_of(path)) as stream:
        return len(await all_of(stream))


@pytest.fixture
def rogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", ROGUE)


@pytest.mark.usefixtures("rogue")
def test_a_child_that_lies_and_lives_is_killed_and_told_at_once(tmp_path: Path, video: Path) -> None:
    lies = {
        "nonsense": "broke its protocol: message too long",
        "opens-twice": "broke its protocol: opened out of order",
        "clip-first": "broke its protocol: clip out of order",
        "hangs-up": "closed its connection and went on",
    }
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()
        for name, reason in lies.items():
            (tmp_path / name).write_bytes(b"")
            with pytest.raises(DecoderCrashedError, match=reason):
                await clips_of(decoder, tmp_path / name)
            assert decoding_below(server) == []
            assert await clips_of(decoder, video) == 2

    with_decoder(body)


@pytest.mark.usefixtures("rogue")
def test_a_failed_fork_is_that_requests_503_and_nobody_elses(tmp_path: Path) -> None:
    refusals = {"no-process": "Resource temporarily unavailable", "no-descriptor": "no descriptor is left"}
    long = write_video(tmp_path / "long.mp4", 320, size=(64, 48))

    async def body(decoder: Decoder) -> None:
        async with decoder.open(job_of(long)) as other:
            clips = other.clips()
            await anext(clips)
            for name, reason in refusals.items():
                (tmp_path / name).write_bytes(b"")
                with pytest.raises(DecoderUnavailableError, match=reason) as caught:
                    await clips_of(decoder, tmp_path / name)
                assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
            assert len([clip async for clip in clips]) == 9

    with_decoder(body)


def test_a_lost_fork_server_is_503_for_all_it_had_and_replaced_before_it_is_needed(
    long_video: Path, video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()

        async def one(started: asyncio.Event) -> None:
            async with decoder.open(job_of(long_video)) as stream:
                async for _ in stream.clips():
                    started.set()

        events = [asyncio.Event() for _ in range(3)]
        tasks = [asyncio.create_task(one(event)) for event in events]
        for event in events:
            await event.wait()
        os.kill(server.pid, signal.SIGKILL)
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(end, DecoderUnavailableError)
            assert end.detail == "the decode server ended; send it again"
        # Though no video asks for it.
        await eventually_async(lambda: [other for other in servers() if other != server], SOON)
        assert await clips_of(decoder, video) == 2

    with caplog.at_level(logging.WARNING):
        with_decoder(body)
    assert "starting another" in caplog.text


def test_a_child_killed_by_the_system_is_not_the_files_fault(long_video: Path) -> None:
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()
        with pytest.raises(DecoderUnavailableError, match="killed the decoder"):
            async with decoder.open(job_of(long_video)) as stream:
                async for span, _ in stream.clips():
                    if span.index == 0:
                        [child] = decoding_below(server)
                        os.kill(child.pid, signal.SIGKILL)

    with_decoder(body)


def test_a_file_that_is_gone_is_not_the_videos_fault(tmp_path: Path) -> None:
    async def body(decoder: Decoder) -> None:
        with pytest.raises(DecoderUnavailableError, match="cannot be opened"):
            async with decoder.open(job_of(tmp_path / "gone.mp4")) as stream:
                await all_of(stream)

    with_decoder(body)
