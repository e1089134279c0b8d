"""The web page's sample videos: `python -m engine_builder.camera_motion.samples FOLDER`.

A camera moves over photographs that scikit-image ships and that are free of rights (Hubble's deep field, NASA; coffee,
CC0). Needs scikit-image and imageio-ffmpeg.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from skimage import data

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT, RATE = 480, 270, 24
SEGMENT = 64  # frames: two clips a movement


@dataclass(frozen=True)
class View:
    """What the camera sees: its centre in the photograph, pixels; frame pixels a photograph's pixel; degrees."""

    x: float
    y: float
    scale: float
    angle: float = 0.0

    def towards(self, other: "View", share: float) -> "View":
        """A view between this one and another; zooming is even to the eye."""

        def between(start: float, end: float) -> float:
            return start + (end - start) * share

        scale = float(np.exp(between(np.log(self.scale), np.log(other.scale))))
        return View(between(self.x, other.x), between(self.y, other.y), scale, between(self.angle, other.angle))


def tour() -> list[View]:
    """Right, down, left, a rest, right again, a roll."""
    start = View(260, 250, 1.1)
    right = replace(start, x=700)
    down = replace(right, y=640)
    left = replace(down, x=260)
    return [start, right, down, left, left, down, replace(down, angle=55.0)]


def zoom() -> list[View]:
    """In, a rest, further in, out."""
    wide = View(300, 200, 0.85)
    close = replace(wide, scale=1.7)
    return [wide, close, close, replace(wide, scale=3.4), close]


def frames(photograph: Picture, views: Sequence[View]) -> Iterator[Picture]:
    """The camera's way from view to view."""
    for start, end in pairwise(views):
        for number in range(SEGMENT):
            yield look(photograph, start.towards(end, number / SEGMENT))


def look(photograph: Picture, view: View) -> Picture:
    """One frame; beyond its edges the photograph is mirrored."""
    turn = cv2.getRotationMatrix2D((view.x, view.y), view.angle, view.scale)
    matrix = turn + np.array([[0, 0, WIDTH / 2 - view.x], [0, 0, HEIGHT / 2 - view.y]])
    size = (WIDTH, HEIGHT)
    seen = cv2.warpAffine(photograph, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.uint8)


def encode(pictures: Iterator[Picture], path: Path) -> None:
    """H.264, which every browser plays."""
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "-")
    codec = ("-c:v", "libx264", "-crf", "30", "-preset", "veryslow", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *source, *codec, str(path)]
    subprocess.run(command, input=b"".join(picture.tobytes() for picture in pictures), check=True)


def main() -> None:
    folder = Path(sys.argv[1])
    encode(frames(data.hubble_deep_field(), tour()), folder / "tour.mp4")
    encode(frames(data.coffee(), zoom()), folder / "zoom.mp4")


if __name__ == "__main__":
    main()
