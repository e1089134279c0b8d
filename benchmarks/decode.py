"""Decoding alone: `python -m benchmarks.decode VIDEO`.

The video is encoded again: H.264 at 360p, 720p and 1080p, 1080p with 10 bits, and as a phone does in high dynamic range
(HEVC, 10 bits, HLG). Frames/s, in turn, of this project's decode path (a confined process; frames resized, cropped and
received as clips), of OpenCV doing the same in a plain loop, of OpenCV's `grab`, and of the ffmpeg program writing
nowhere: one video with one thread, one video with all cores, and one video per core.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

import cv2
import typer

from engine_builder.manifest import ClipFormat
from service.machine import available_cpus

from .harness.decoding import DecoderAlone
from .harness.report import Json, Plot, Rounds, Videos, finish
from .harness.timing import in_turn
from .harness.videos import H264, HLG, encode, ffmpeg

KINDS: dict[str, tuple[int, Sequence[str]]] = {
    "360p": (360, H264),
    "720p": (720, H264),
    "1080p": (1080, H264),
    "1080p, 10 bits": (1080, (*H264[:-1], "yuv420p10le")),
    "1080p, HLG": (1080, HLG),
}


def opencv(video: Path, threads: int) -> None:
    """Read every frame with OpenCV, and make it what the network takes."""
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    while (read := capture.read())[0]:
        small = cv2.resize(read[1], (171, 128), interpolation=cv2.INTER_LINEAR_EXACT)
        cv2.cvtColor(small[8:120, 30:142], cv2.COLOR_BGR2RGB)


def grab(video: Path, threads: int) -> int:
    """How many frames there are, decoded with OpenCV and not looked at."""
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    frames = 0
    while capture.grab():
        frames += 1
    return frames


def null(video: Path, threads: int) -> None:
    """Decode with the ffmpeg program."""
    ffmpeg("-threads", str(threads), "-i", str(video), "-an", "-f", "null", "-")


def at_once(decode: Callable[[Path, int], object], video: Path, videos: int, threads: int) -> None:
    """The same video several times at once."""
    with ThreadPoolExecutor(videos) as pool:
        list(pool.map(lambda _: decode(video, threads), range(videos)))


@contextmanager
def our_decoder(decode_slots: int) -> Iterator[Callable[[Path, int], None]]:
    """Decodes the same video several times at once with this project's decoder, which is started once, as in the
    service, and chooses its threads by the number of videos."""
    with asyncio.Runner() as loop:
        stack = AsyncExitStack()
        decoder = loop.run(stack.enter_async_context(DecoderAlone.open(decode_slots)))

        async def decode(video: Path, videos: int) -> None:
            await asyncio.gather(*(decoder.decode(video, ClipFormat()) for _ in range(videos)))

        try:
            yield lambda video, videos: loop.run(decode(video, videos))
        finally:
            loop.run(stack.aclose())


def measure(video: Path, frames: int, videos: int, threads: int, rounds: int) -> dict[str, float]:
    """Frames/s of each way to decode."""
    with our_decoder(max(videos, threads)) as ours:
        runs: dict[str, Callable[[], object]] = {
            "r3d": partial(ours, video, videos),
            "cv2": partial(at_once, opencv, video, videos, threads),
            "cv2_grab": partial(at_once, grab, video, videos, threads),
            "ffmpeg_null": partial(at_once, null, video, videos, threads),
        }
        seconds = in_turn(runs, rounds)
    return {name: round(frames * videos / statistics.median(measured)) for name, measured in seconds.items()}


def run(videos: Videos, rounds: Rounds = 5, json: Json = None, plot: Plot = None) -> None:
    """Frames/s of ways to decode the first of the videos."""
    cpus = available_cpus()
    ways = {"1 video, 1 thread": (1, 1), f"1 video, {cpus} threads": (1, cpus), f"{cpus} videos": (cpus, 1)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, (height, codec) in KINDS.items():
            video = encode(videos[0], height, Path(folder), codec)
            frames = grab(video, cpus)
            for way, (count, threads) in ways.items():
                measured = measure(video, frames, count, threads, rounds)
                rows.append({"frames_per_second": f"{kind}, {way}", **measured})
    finish("Video to frames", rows, "frames_per_second", ["r3d", "cv2", "cv2_grab", "ffmpeg_null"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
