"""Whatever happens to NVDEC or to the process that drives it, each video is decoded, and a new process comes."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from service.decoding.decoder import Decoder
from service.decoding.nvdec import dispatch, supply
from service.decoding.nvdec.client import UnavailableError
from service.decoding.sandbox.confinement import missing
from service.errors import StartupError
from service.settings import DecoderChoice

from ....support.jobs import job_of
from ....support.nvdec import codec
from ....support.nvdec.decoding import compare, decode, nvdec_processes, stand_in, with_nvdec
from ....support.videos import H264, write_video
from ....support.waiting import eventually_async

FAULTS = {codec.FAULT: "lost", codec.ENDS: "lost", codec.HANG: "lost"}
DAMAGE = {codec.WRONG: "damaged", codec.COMPLAINS: "damaged", codec.GIVES_NOTHING: "damaged"}


@pytest.mark.parametrize("frames", [8, 32])
@pytest.mark.parametrize("width", DAMAGE)
def test_a_decoder_that_gives_wrong_frames_is_found_out(tmp_path: Path, width: int, frames: int) -> None:
    """Before a frame that is in doubt has become part of a clip."""
    bad = write_video(tmp_path / "bad.mp4", 70, H264, (width, 48))
    good = write_video(tmp_path / "good.mp4", 33, H264, (160, 120))
    ends = compare(bad, good, frames=frames, stride=frames)
    assert [(end.decoder, end.fallback) for end in ends] == [("cpu", "damaged"), ("nvdec", None)]


@pytest.mark.parametrize("width", FAULTS)
def test_a_process_that_fails_is_replaced_and_its_video_goes_to_the_cpu(tmp_path: Path, width: int) -> None:
    bad = write_video(tmp_path / "bad.mp4", 40, H264, (width, 48))
    good = write_video(tmp_path / "good.mp4", 33, H264, (160, 120))

    async def body(nvdec: Decoder) -> None:
        [before] = nvdec_processes()
        _, ended, clips = await decode(nvdec, job_of(bad))
        assert (ended.decoder, ended.fallback, ended.frames, len(clips)) == ("cpu", "lost", 40, 1)
        await eventually_async(lambda: before not in nvdec_processes() and nvdec.nvdec[0], 40)
        _, ended, _ = await decode(nvdec, job_of(good))
        assert ended.decoder == "nvdec"

    with_nvdec(body)


def test_a_video_that_falls_back_leaves_nvdec_to_others_while_the_cores_decode_it(tmp_path: Path) -> None:
    bad = job_of(write_video(tmp_path / "bad.mp4", 70, H264, (codec.WRONG, 48)))

    async def body(nvdec: Decoder) -> None:
        # The second starts while the first decodes: no child was forked ahead for it.
        async with nvdec.open(bad) as one, nvdec.open(bad) as other:
            for stream in (one, other):
                await anext(stream.clips())
            await eventually_async(lambda: nvdec.on_nvdec == 0)

    with_nvdec(body)


def test_a_video_that_falls_back_takes_an_open_slot_as_the_others_do(tmp_path: Path) -> None:
    bad = job_of(write_video(tmp_path / "bad.mp4", 70, H264, (codec.WRONG, 48)))

    async def body(nvdec: Decoder) -> None:
        on_cores: list[int] = []
        held = asyncio.Event()

        async def one(number: int) -> str:
            async with nvdec.open(bad) as stream:
                async for span, _ in stream.clips():
                    if span.index == 0:
                        on_cores.append(number)
                        await held.wait()
            assert stream.ended is not None
            return stream.ended.decoder

        videos = [asyncio.create_task(one(number)) for number in range(3)]
        await eventually_async(lambda: len(on_cores) == 2 and nvdec.open_videos == 3)
        await asyncio.wait(videos, timeout=1.0)
        assert len(on_cores) == 2, "the third waits for an open slot"
        held.set()
        assert await asyncio.gather(*videos) == ["cpu"] * 3

    with_nvdec(body, open_slots=2)


def test_a_killed_process_loses_no_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 160, H264, (160, 120))

    async def body(nvdec: Decoder) -> None:
        async with nvdec.open(job_of(path)) as stream:
            clips = stream.clips()
            found = [await anext(clips)]
            [process] = nvdec_processes()
            os.kill(process.pid, signal.SIGKILL)
            found += [clip async for clip in clips]
        assert stream.ended is not None
        assert (stream.ended.decoder, stream.ended.fallback, stream.ended.frames) == ("cpu", "lost", 160)
        assert [span.start_frame for span, _ in found] == [0, 32, 64, 96, 128]

    with_nvdec(body)


def test_a_process_is_replaced_after_some_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "VIDEOS", 3)
    path = write_video(tmp_path / "a.mp4", 33, H264, (64, 48))

    async def body(nvdec: Decoder) -> None:
        [before] = nvdec_processes()
        for _ in range(3):
            _, ended, _ = await decode(nvdec, job_of(path))
            assert ended.decoder == "nvdec"
        await eventually_async(lambda: nvdec_processes() and before not in nvdec_processes(), 40)
        _, ended, _ = await decode(nvdec, job_of(path))
        assert ended.decoder == "nvdec"

    with_nvdec(body)


def test_a_video_that_nobody_wants_the_rest_of_leaves_its_decoder_to_the_next(tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", 200, H264, (320, 240))
    other = write_video(tmp_path / "other.mp4", 33, H264, (160, 120))

    async def body(nvdec: Decoder) -> None:
        for _ in range(6):
            async with nvdec.open(job_of(long)) as stream:
                await anext(stream.clips())
        _, ended, _ = await decode(nvdec, job_of(other))
        assert (ended.decoder, ended.fallback) == ("nvdec", None)
        await eventually_async(lambda: nvdec.on_nvdec == 0)

    with_nvdec(body)


def test_nvdec_has_videos_wait_and_auto_gives_them_to_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in has two units, which are given two videos each."""
    monkeypatch.setattr(dispatch, "PATIENCE_SECONDS", 0.2)
    path = write_video(tmp_path / "a.mp4", 70, H264, (64, 48))

    async def body(nvdec: Decoder) -> list[str]:
        first: list[asyncio.Task[str]] = []
        held = asyncio.Event()

        async def hold() -> str:
            async with nvdec.open(job_of(path)) as stream:
                clips = stream.clips()
                await anext(clips)
                await held.wait()
                assert [clip async for clip in clips]
            assert stream.ended is not None
            return stream.ended.decoder

        first = [asyncio.create_task(hold()) for _ in range(4)]
        await eventually_async(lambda: nvdec.on_nvdec == 4)
        fifth = asyncio.create_task(decode(nvdec, job_of(path)))
        await asyncio.wait([fifth], timeout=1.5)
        waited = not fifth.done()
        held.set()
        decoded = [*(await asyncio.gather(*first)), (await fifth)[1].decoder]
        return [*decoded, "waited" if waited else "went on"]

    assert with_nvdec(body, "nvdec") == ["nvdec"] * 5 + ["waited"]
    monkeypatch.setattr(dispatch, "PATIENCE_SECONDS", 0.01)
    *decoded, _ = with_nvdec(body, "auto")
    assert decoded == ["nvdec"] * 4 + ["cpu"]
    # With cores to spare nobody waits.
    monkeypatch.setattr(dispatch, "PATIENCE_SECONDS", 3600)
    *decoded, _ = with_nvdec(body, "auto", slots=3)
    assert decoded == ["nvdec"] * 4 + ["cpu"]


def test_the_background_leaves_half_of_nvdec_to_others(tmp_path: Path) -> None:
    """The stand-in has two units, which are given two videos each."""
    path = write_video(tmp_path / "a.mp4", 70, H264, (64, 48))

    async def body(nvdec: Decoder) -> None:
        held = asyncio.Event()

        async def job() -> str:
            async with nvdec.open(job_of(path), background=True) as stream:
                async for _ in stream.clips():
                    await held.wait()
            assert stream.ended is not None
            return stream.ended.decoder

        jobs = [asyncio.create_task(job()) for _ in range(4)]
        await eventually_async(lambda: nvdec.on_nvdec == 2)
        _, ended, _ = await decode(nvdec, job_of(path))
        assert ended.decoder == "nvdec", "jobs that wait hold nobody up"
        await eventually_async(lambda: nvdec.on_nvdec == 2)
        held.set()
        assert await asyncio.gather(*jobs) == ["nvdec"] * 4

    with_nvdec(body)


@pytest.mark.parametrize(("choice", "expected"), [("nvdec", 4), ("auto", 4 + 3)])
def test_as_many_decode_at_once_as_nvdec_and_the_cores_take(choice: DecoderChoice, expected: int) -> None:
    async def body(nvdec: Decoder) -> None:
        assert nvdec.at_once == expected

    with_nvdec(body, choice, slots=3)


def test_its_process_is_confined() -> None:
    async def body(nvdec: Decoder) -> None:
        [process] = nvdec_processes()
        status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
        assert "Seccomp:\t2" in status
        assert "CapEff:\t0000000000000000" in status

    with_nvdec(body)


def test_without_the_package_auto_takes_the_cpu_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> tuple[bool, str]:
        decoder = Decoder(1, 1, choice="auto", gpus=(0,))
        await decoder.start()
        try:
            return decoder.nvdec
        finally:
            await decoder.close()

    with caplog.at_level(logging.INFO):
        there, why = asyncio.run(run())
    assert not there
    assert why == "the package PyNvVideoCodec is not installed (extra `nvdec`)"
    assert f"decoding on the CPU; NVDEC cannot be used: {why}" in caplog.messages


def test_without_the_package_nvdec_does_not_start() -> None:
    async def run() -> None:
        decoder = Decoder(1, 1, choice="nvdec", gpus=(0,))
        try:
            await decoder.start()
        finally:
            await decoder.close()

    with pytest.raises(StartupError, match="R3D_DECODER=nvdec, but NVDEC cannot be used: the package PyNvVideoCodec"):
        asyncio.run(run())


def test_required_confinement_is_asked_of_its_process_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "missing", lambda sandbox: "landlock" if not missing(sandbox) else "")

    async def body() -> None:
        offered = supply.Supply([0], confined=True)
        with pytest.raises(UnavailableError, match=r"R3D_SANDBOX=required, but .* has no landlock"):
            await offered.start()
        await offered.close()
        assert not nvdec_processes()

    with stand_in():
        asyncio.run(body())
