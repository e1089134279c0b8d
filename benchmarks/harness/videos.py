"""Videos to measure with, encoded by the ffmpeg program that imageio-ffmpeg carries."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
# What phones make of high dynamic range by default. The encoder writes the frames' own tags, whatever its options say.
HLG = (
    *("-c:v", "libx265", "-x265-params", "log-level=none", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
    *("-bsf:v", "hevc_metadata=colour_primaries=9:transfer_characteristics=18:matrix_coefficients=9"),
)


def _command(arguments: Sequence[str]) -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *arguments]


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg; it replaces files. Raises CalledProcessError."""
    subprocess.run(_command(arguments), check=True)


def encode(video: Path, height: int, folder: Path, codec: Sequence[str] = H264) -> Path:
    """The video of that height, without sound; H.264 with x264's defaults unless another codec is given."""
    path = folder / f"{height}.mp4"
    ffmpeg("-i", str(video), "-an", "-vf", f"scale=-2:{height}", *codec, str(path))
    return path


def repeat(video: Path, times: int, folder: Path) -> Path:
    """The video `times` times in a row, copied, not encoded again."""
    path = folder / f"{times}-times.mp4"
    ffmpeg("-stream_loop", str(times - 1), "-i", str(video), "-an", "-c", "copy", str(path))
    return path


def encode_frames(frames: Iterable[Picture], rate: int, codec: Sequence[str], path: Path) -> None:
    """Encode frames, uint8 [H, W, 3] BGR, all of one size, as they come. Raises CalledProcessError."""
    pictures = iter(frames)
    first = next(pictures)
    size = f"{first.shape[1]}x{first.shape[0]}"
    source = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", str(rate), "-i", "-"]
    command = _command([*source, *codec, "-pix_fmt", "yuv420p", "-threads", "1", str(path)])
    with subprocess.Popen(command, stdin=subprocess.PIPE) as run:
        assert run.stdin is not None
        run.stdin.write(first.tobytes())
        for picture in pictures:
            run.stdin.write(picture.tobytes())
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command)
