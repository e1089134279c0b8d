"""Decode jobs for tests."""

from io import BytesIO
from pathlib import Path

from service.decoding.messages import Job
from service.decoding.video import Video


def job_of(path: Path, **changes: object) -> Job:
    """A job with the defaults of torchvision's transform."""
    job = Job(
        path=str(path),
        frames=32,
        height=112,
        width=112,
        resize_height=128,
        resize_width=171,
        top=8,
        left=30,
        frame_rate=None,
        stride=32,
        max_frames=10_000,
        max_frame_pixels=4096 * 2176,
        memory_bytes=768 << 20,
        seconds=60,
    )
    return job.model_copy(update=changes)


def video_of(job: Job) -> Video:
    """The job's file, opened in this process."""
    return Video(job, BytesIO(Path(job.path).read_bytes()))
