"""Videos decoded on a machine with NVDEC, and what that takes."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import psutil

from service.decoding.decoder import Decoder
from service.decoding.messages import ClipSpan, Ended
from service.decoding.nvdec import client
from service.decoding.nvdec.process import NAME
from service.decoding.pixels.grid import Picture
from service.errors import ServiceError
from service.settings import DecoderChoice

from ..support.jobs import job_of
from ..support.nvdec.process import STAND_IN

TOGETHER = 24


@dataclass
class Decoded:
    """What came of a video; `error` in place of the rest if it was refused."""

    clips: list[tuple[ClipSpan, Picture]]
    ended: Ended | None
    error: str | None

    @property
    def outcome(self) -> tuple[object, ...]:
        """What must not depend on the decoder."""
        if self.ended is None:
            return (self.error,)
        return (self.ended.frames, self.ended.clips, self.ended.partial, *(span for span, _ in self.clips))

    @property
    def digest(self) -> str:
        """Of every pixel."""
        return sha256(b"".join(picture.tobytes() for _, picture in self.clips)).hexdigest()

    def levels_apart(self, other: "Decoded") -> int:
        """The largest difference of a pixel."""
        pairs = zip(self.clips, other.clips, strict=True)
        return max((int(np.abs(a.astype(np.int16) - b).max()) for (_, a), (_, b) in pairs), default=0)


@asynccontextmanager
async def started(choice: DecoderChoice, stand_in: bool, gpus: Sequence[int] = (0,)) -> AsyncIterator[Decoder]:
    """A decoder that works."""
    if stand_in:
        client.SERVER_MODULE, client.missing_package = STAND_IN, lambda: None  # type: ignore[attr-defined]
    decoder = Decoder(os.cpu_count() or 1, TOGETHER, choice=choice, gpus=gpus)
    await decoder.start()
    try:
        yield decoder
    finally:
        await decoder.close()


async def decode(decoder: Decoder, path: Path) -> Decoded:
    """Everything of one video; one of less than a clip is padded."""
    try:
        async with decoder.open(job_of(path, pad=True)) as stream:
            clips = [clip async for clip in stream.clips()]
    except ServiceError as error:
        return Decoded([], None, error.slug)
    return Decoded(clips, stream.ended, None)


def videos_in(folder: Path) -> list[Path]:
    """Every file."""
    return sorted(path for path in folder.iterdir() if path.is_file())


def processes_of_nvdec() -> list[psutil.Process]:
    """Those below this, one for each GPU."""
    return [each for each in psutil.Process().children() if each.name() == NAME]


def gpu_megabytes() -> float | None:
    """Memory of the GPU in use, by anybody; None if nobody can be asked."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return round(float(pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).used) / 1e6)
    except Exception:  # no package, no driver, no permission
        return None


def megabytes_of_nvdec() -> float:
    """Of its processes, resident."""
    return float(round(sum(each.memory_info().rss for each in processes_of_nvdec()) / 1e6))


async def together(work: list[Callable[[], Awaitable[None]]]) -> None:
    """All of it, so many at a time."""
    places = asyncio.Semaphore(TOGETHER)

    async def one(each: Callable[[], Awaitable[None]]) -> None:
        async with places:
            await each()

    await asyncio.gather(*map(one, work))


def cpu_seconds() -> float:
    """Processor time of this process and all below it, those that have ended included."""
    times = [each.cpu_times() for each in (psutil.Process(), *psutil.Process().children(recursive=True))]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))
