"""What decoding and the network cost when each is measured alone, and what that allows at most."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from engine_builder.manifest import ClipFormat, Manifest
from service.classification.pipeline import job_of
from service.classification.scheduling import open_slots
from service.decoding.decoder import Decoder
from service.decoding.messages import Job
from service.inference.backends.protocol import Backend
from service.inference.backends.selection import choose
from service.settings import Settings, available_cpus

INFERENCES = 20
DECODE_SECONDS = 5.0


@dataclass(frozen=True)
class Cost:
    """Seconds a clip, each step alone with all cores."""

    decode: float
    network: float

    @property
    def clips_per_second(self) -> float:
        """If the two shared the cores and nothing else took any."""
        return 1 / (self.decode + self.network)

    def __str__(self) -> str:
        alone = f"alone: decoding {1 / self.decode:.1f}, network {1 / self.network:.1f}"
        return f"{self.clips_per_second:.1f} clips/s ({alone})"


async def count_clips(decoder: Decoder, job: Job) -> int:
    """Decode a video and drop its clips."""
    async with decoder.open(job) as stream:
        return sum([1 async for _ in stream.clips()])


async def decode_seconds(clip: ClipFormat, videos: list[Path], seconds: float = DECODE_SECONDS) -> float:
    """Seconds a clip of the service's decoder, a video a core, nothing else going on."""
    cpus = available_cpus()
    decoder = Decoder(cpus, open_slots(cpus))
    await decoder.start()
    started = time.perf_counter()

    async def worker(number: int) -> int:
        clips = 0
        for turn in count(number):
            clips += await count_clips(decoder, job_of(videos[turn % len(videos)], clip, Settings()))
            if time.perf_counter() - started > seconds:
                break
        return clips

    try:
        clips = sum(await asyncio.gather(*(worker(number) for number in range(cpus))))
        return (time.perf_counter() - started) / clips
    finally:
        await decoder.close()


def network_seconds(model: Path, manifest: Manifest) -> float:
    """Seconds a clip of what the service would choose, all of its workers busy."""
    factories = choose(Settings(model=model), model, manifest).factories
    shape = (1, manifest.clip.frames, manifest.clip.height, manifest.clip.width, 3)
    clip = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def run(backend: Backend) -> None:
        for _ in range(INFERENCES):
            backend.infer(clip)

    with ThreadPoolExecutor(len(factories)) as pool:
        backends = list(pool.map(lambda make: make(), factories))
        list(pool.map(lambda backend: backend.infer(clip), backends))
        started = time.perf_counter()
        list(pool.map(run, backends))
        return (time.perf_counter() - started) / (INFERENCES * len(backends))


async def cost_of(model: Path, videos: list[Path]) -> Cost:
    """Both costs, measured one after the other."""
    manifest = Manifest.load(model)
    return Cost(await decode_seconds(manifest.clip, videos), network_seconds(model, manifest))
