"""Videos decoded by NVDEC's stand-in, and what the CPU makes of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from service.decoding.decoder import Decoder
from service.decoding.messages import ClipSpan, Ended, Job, Opened
from service.decoding.nvdec.process import NAME
from service.decoding.pixels.grid import Picture
from service.settings import DecoderChoice

from ..decoders import OPEN_PER_SLOT, all_of
from ..jobs import job_of
from ..processes import new_processes
from .process import STAND_IN

T = TypeVar("T")
SECONDS = 100.0


@contextmanager
def stand_in() -> Iterator[None]:
    """In the block, processes that drive NVDEC have the stand-in for a GPU."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("service.decoding.nvdec.client.SERVER_MODULE", STAND_IN)
        changed.setattr("service.decoding.nvdec.client.missing_package", lambda: None)
        yield


def with_nvdec(
    body: Callable[[Decoder], Awaitable[T]],
    choice: DecoderChoice = "nvdec",
    gpus: Sequence[int] = (0,),
    slots: int = 2,
    open_slots: int | None = None,
) -> T:
    """Run `body` with a decoder that has NVDEC, and see that no process is left."""

    async def run() -> T:
        decoder = Decoder(slots, open_slots or slots * OPEN_PER_SLOT, choice=choice, gpus=gpus)
        try:
            await decoder.start()
            return await asyncio.wait_for(body(decoder), SECONDS)
        finally:
            await decoder.close()

    left = new_processes()
    try:
        with stand_in():
            return asyncio.run(run())
    finally:
        assert left() == []


async def decode(decoder: Decoder, job: Job) -> tuple[Opened, Ended, list[tuple[ClipSpan, Picture]]]:
    """Everything of a video."""
    async with decoder.open(job) as stream:
        clips = await all_of(stream)
    assert stream.opened is not None
    assert stream.ended is not None
    return stream.opened, stream.ended, clips


async def assert_same(nvdec: Decoder, cores: Decoder, job: Job) -> Ended:
    """See that a video's frames, times and pixels are those of the CPU; its end, by NVDEC."""
    (opened, ended, clips), (wanted_opened, wanted, wanted_clips) = (
        await decode(nvdec, job),
        await decode(cores, job),
    )
    assert opened == wanted_opened
    told = {"busy_seconds", "decoder", "fallback"}
    assert ended.model_dump(exclude=told) == wanted.model_dump(exclude=told)
    assert [span for span, _ in clips] == [span for span, _ in wanted_clips]
    for (_, picture), (_, wanted_picture) in zip(clips, wanted_clips, strict=True):
        assert (picture == wanted_picture).all()
    return ended


def compare(*paths: Path, **changes: object) -> list[Ended]:
    """As `assert_same`, for videos one after the other."""

    async def body(nvdec: Decoder) -> list[Ended]:
        cores = Decoder(1, 1)
        await cores.start()
        try:
            return [await assert_same(nvdec, cores, job_of(path, **changes)) for path in paths]
        finally:
            await cores.close()

    return with_nvdec(body)


def nvdec_processes() -> list[psutil.Process]:
    """Those below this one."""
    return [each for each in psutil.Process().children() if each.name() == NAME]
