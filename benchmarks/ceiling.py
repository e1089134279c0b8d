"""What decoding and the network cost when each is measured alone, and what that allows at most."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine_builder.manifest import Clip as Format
from engine_builder.manifest import Manifest
from service.backends.choose import choose
from service.decoder import Decoder
from service.messages import Clip, Job
from service.settings import Settings, available_cpus

INFERENCES = 20


def job_of(video: Path, clip: Format) -> Job:
    """What the service asks a decode child for."""
    settings = Settings()
    return Job(
        path=str(video), frames=clip.frames, height=clip.height, width=clip.width, resize_height=clip.resize_height,
        resize_width=clip.resize_width, top=clip.top, left=clip.left, frame_rate=None, max_frames=settings.max_frames,
        max_frame_pixels=settings.max_frame_pixels, memory_bytes=settings.decode_memory_bytes, seconds=600,
    )  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Core-seconds a clip."""

    decode: float
    network: float

    @property
    def clips_per_second(self) -> float:
        """If they shared all CPUs and nothing else took any."""
        return available_cpus() / (self.decode + self.network)

    def __str__(self) -> str:
        return (
            f"{self.clips_per_second:.1f} clips/s: {self.decode * 1000:.0f} ms of a core for decoding a clip, "
            f"{self.network * 1000:.0f} ms for the network"
        )


async def count_clips(decoder: Decoder, job: Job) -> int:
    """Decode a video and drop its clips."""
    async with decoder.open(job) as decoding:
        return sum([isinstance(message, Clip) async for message, _ in decoding.messages()])


async def decode_seconds(manifest: Manifest, videos: list[Path]) -> float:
    """Seconds a clip of one decoder with one thread, nothing else going on."""
    decoder = Decoder(1)
    await decoder.start()
    try:
        await count_clips(decoder, job_of(videos[0], manifest.clip))
        started = time.perf_counter()
        clips = sum([await count_clips(decoder, job_of(video, manifest.clip)) for video in videos])
        return (time.perf_counter() - started) / clips
    finally:
        await decoder.close()


def network_seconds(model: Path, manifest: Manifest) -> float:
    """Seconds a clip of the backend the service would choose, with all cores."""
    backend = choose(Settings(model=model), model, manifest).factories[0]()
    shape = (1, manifest.clip.frames, manifest.clip.height, manifest.clip.width, 3)
    clip = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    backend.infer(clip)
    started = time.perf_counter()
    for _ in range(INFERENCES):
        backend.infer(clip)
    seconds = (time.perf_counter() - started) / INFERENCES
    backend.close()
    return seconds


async def core_seconds(model: Path, videos: list[Path]) -> Cost:
    """Both costs, measured one after the other."""
    manifest = Manifest.load(model)
    decode = await decode_seconds(manifest, videos)
    return Cost(decode, network_seconds(model, manifest) * available_cpus())
