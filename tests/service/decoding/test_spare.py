"""The child that is forked ahead of need."""

import os
import signal
from pathlib import Path

import psutil

from service.decoding.decoder import Decoder
from service.decoding.spare import WAITING
from service.decoding.warm_up import make_video

from ...support.decoders import all_of, with_decoder
from ...support.jobs import job_of, video_of
from ...support.processes import decoding_below, new_fork_servers
from ...support.waiting import eventually_async


def waiting_below(server: psutil.Process) -> list[psutil.Process]:
    return [child for child in server.children() if child.name() == WAITING]


async def confined_spare(server: psutil.Process) -> psutil.Process:
    """The one that waits, once the last of what confines it is active."""

    def confined() -> psutil.Process | None:
        for child in waiting_below(server):
            if "Seccomp:\t2" in Path(f"/proc/{child.pid}/status").read_text():
                return child
        return None

    found = await eventually_async(confined)
    assert found is not None
    return found


def test_a_confined_child_waits_before_the_first_video_and_decodes_it(video: Path) -> None:
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()
        spare = await confined_spare(server)
        async with decoder.open(job_of(video)) as stream:
            clips = stream.clips()
            await anext(clips)
            assert decoding_below(server) == [spare]
            assert len([clip async for clip in clips]) == 1
        assert await confined_spare(server) != spare

    with_decoder(body)


def test_a_killed_spare_costs_no_video_and_is_replaced_by_the_next(video: Path) -> None:
    servers = new_fork_servers()

    async def body(decoder: Decoder) -> None:
        [server] = servers()
        spare = await confined_spare(server)
        os.kill(spare.pid, signal.SIGKILL)
        await eventually_async(lambda: not spare.is_running() or spare.status() == psutil.STATUS_ZOMBIE)
        async with decoder.open(job_of(video)) as stream:
            assert len(await all_of(stream)) == 2
        assert await confined_spare(server) != spare

    with_decoder(body)


def test_what_it_warms_up_with_is_a_video(tmp_path: Path) -> None:
    (tmp_path / "own.mp4").write_bytes(make_video())
    frames = list(video_of(job_of(tmp_path / "own.mp4")).frames())
    assert [frame.picture.shape for frame in frames] == [(112, 112, 3)] * 2
