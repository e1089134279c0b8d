"""What a decode child is asked for: the model's clips, the request's samplings, the operator's limits."""

from collections.abc import Sequence
from pathlib import Path

from engine_builder.manifest import ClipFormat, Sampling

from ..decoding.messages import ClipChoice, Job
from ..settings import Settings


def job_of(
    path: Path, clip: ClipFormat, settings: Settings, samplings: Sequence[Sampling] = (Sampling(),), threads: int = 1
) -> Job:
    """What a decode child is asked for; by default all whole clips of the video's own frames."""
    first, *more = (_choice(sampling, clip) for sampling in samplings)
    return Job(
        **dict(first),
        more=tuple(more),
        path=str(path),
        frames=clip.frames,
        height=clip.height,
        width=clip.width,
        resize_height=clip.resize_height,
        resize_width=clip.resize_width,
        top=clip.top,
        left=clip.left,
        max_frames=settings.max_frames,
        max_frame_pixels=settings.max_frame_pixels,
        memory_bytes=settings.decode_memory_bytes,
        seconds=settings.request_timeout_seconds,
        threads=threads,
    )


def _choice(sampling: Sampling, clip: ClipFormat) -> ClipChoice:
    return ClipChoice(
        frame_rate=sampling.frame_rate,
        stride=sampling.stride_of(clip.frames),
        clips=sampling.clips,
        pad=sampling.tail == "pad",
    )
