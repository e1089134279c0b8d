"""What decoding and the network cost when each is measured alone, and what that allows at most."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from engine_builder.manifest import ClipFormat, Manifest
from service.inference.backends.protocol import Backend
from service.inference.selection import choose
from service.machine import available_cpus
from service.settings import PrecisionChoice, Settings

from .decoding import DecoderAlone

INFERENCES = 20  # per worker
DECODE_SECONDS = 5.0


@dataclass(frozen=True)
class Cost:
    """Seconds per clip, each step alone with all cores."""

    decode: float
    network: float

    @property
    def clips_per_second(self) -> float:
        """If the two shared the cores and nothing else used any."""
        return 1 / (self.decode + self.network)

    def __str__(self) -> str:
        alone = f"alone: decoding {1 / self.decode:.1f}, network {1 / self.network:.1f}"
        return f"{self.clips_per_second:.1f} clips/s ({alone})"


async def decode_seconds(clip: ClipFormat, videos: list[Path], seconds: float = DECODE_SECONDS) -> float:
    """Seconds per clip of the service's decoder, one video per core, nothing else going on."""
    cpus = available_cpus()

    async def decode_some(decoder: DecoderAlone, first: int) -> int:
        clips = 0
        for index in count(first):
            clips += await decoder.decode(videos[index % len(videos)], clip)
            if time.perf_counter() - started > seconds:
                break
        return clips

    async with DecoderAlone.open(cpus) as decoder:
        started = time.perf_counter()
        clips = sum(await asyncio.gather(*(decode_some(decoder, first) for first in range(cpus))))
        return (time.perf_counter() - started) / clips


def network_seconds(model: Path, manifest: Manifest, precision: PrecisionChoice = "auto") -> float:
    """Seconds per clip of the backend that the service would choose, all of its workers busy."""
    factories = choose(Settings(model=model, precision=precision), model, manifest).factories
    clip = np.random.default_rng(0).integers(0, 256, (1, *manifest.clip.shape), np.uint8)

    def run(backend: Backend) -> None:
        for _ in range(INFERENCES):
            backend.infer(clip)

    with ThreadPoolExecutor(len(factories)) as pool:
        backends = list(pool.map(lambda make: make(), factories))
        list(pool.map(lambda backend: backend.infer(clip), backends))
        started = time.perf_counter()
        list(pool.map(run, backends))
        return (time.perf_counter() - started) / (INFERENCES * len(backends))


async def cost_of(model: Path, videos: list[Path], precision: PrecisionChoice = "auto") -> Cost:
    """Both costs, measured one after the other."""
    manifest = Manifest.load(model)
    return Cost(await decode_seconds(manifest.clip, videos), network_seconds(model, manifest, precision))
