"""Decoding alone: `python -m benchmarks.decode VIDEO`.

The video is encoded again (H.264, x264's defaults) at 360p, 720p and 1080p. Frames/s, in turn, of this project's decode
path (a confined process; frames resized, cropped and received as clips), OpenCV's `read` and `grab`, and the ffmpeg
program writing nowhere: one video with one thread, one video with all cores, and one video a core.
"""

import asyncio
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import imageio_ffmpeg

from engine_builder.manifest import ClipFormat
from service.classification.pipeline import job_of
from service.classification.scheduling import open_slots
from service.decoding.decoder import Decoder
from service.decoding.messages import Job
from service.settings import Settings, available_cpus

from .harness.ceiling import count_clips
from .harness.report import finish, parser
from .harness.timing import in_turn

HEIGHTS = (360, 720, 1080)


def ffmpeg(*arguments: str) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *arguments], check=True)


def encode(video: Path, height: int, folder: Path) -> Path:
    """The video at another size, without sound."""
    path = folder / f"{height}.mp4"
    ffmpeg("-i", str(video), "-an", "-vf", f"scale=-2:{height}", "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path))
    return path


class Ours:
    """The service's decoder, started once as in the service; it chooses its threads by the number of videos."""

    def __init__(self, workers: int) -> None:
        self._loop = asyncio.Runner()
        self._decoder = Decoder(workers, open_slots(workers))
        self._loop.run(self._decoder.start())

    def decode(self, video: Path, videos: int) -> None:
        """The same video several times at once."""
        self._loop.run(self._decode(job_of(video, ClipFormat(), Settings()), videos))

    async def _decode(self, job: Job, videos: int) -> None:
        await asyncio.gather(*(count_clips(self._decoder, job) for _ in range(videos)))

    def close(self) -> None:
        self._loop.run(self._decoder.close())
        self._loop.close()


def opencv(method: str, video: Path, threads: int) -> int:
    """Frames that OpenCV reads, or grabs."""
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    frames = 0
    while capture.read()[0] if method == "read" else capture.grab():
        frames += 1
    return frames


def null(video: Path, threads: int) -> None:
    """Decode with the ffmpeg program."""
    ffmpeg("-threads", str(threads), "-i", str(video), "-an", "-f", "null", "-")


def at_once(run: Callable[[Path, int], object], video: Path, videos: int, threads: int) -> None:
    """The same video several times at once."""
    with ThreadPoolExecutor(videos) as pool:
        list(pool.map(lambda _: run(video, threads), range(videos)))


def measure(video: Path, frames: int, videos: int, threads: int, rounds: int) -> dict[str, float]:
    """Frames/s of each way to decode."""
    decoder = Ours(max(videos, threads))
    runs: dict[str, Callable[[], object]] = {
        "r3d": partial(decoder.decode, video, videos),
        "cv2_read": partial(at_once, partial(opencv, "read"), video, videos, threads),
        "cv2_grab": partial(at_once, partial(opencv, "grab"), video, videos, threads),
        "ffmpeg_null": partial(at_once, null, video, videos, threads),
    }
    seconds = in_turn(runs, rounds)
    decoder.close()
    return {name: round(frames * videos / statistics.median(measured)) for name, measured in seconds.items()}


def main() -> None:
    options = parser(__doc__, videos=True)
    options.add_argument("--rounds", type=int, default=5)
    args = options.parse_args()
    cpus = available_cpus()
    ways = {"1 video, 1 thread": (1, 1), f"1 video, {cpus} threads": (1, cpus), f"{cpus} videos": (cpus, 1)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for height in HEIGHTS:
            video = encode(args.videos[0], height, Path(folder))
            frames = opencv("grab", video, cpus)
            for way, (videos, threads) in ways.items():
                measured = measure(video, frames, videos, threads, args.rounds)
                rows.append({"frames_per_second": f"{height}p, {way}", **measured})
    finish("H.264 to frames", rows, args, "frames_per_second", ["r3d", "cv2_read", "cv2_grab", "ffmpeg_null"])


if __name__ == "__main__":
    main()
