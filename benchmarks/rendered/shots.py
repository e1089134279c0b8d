"""Videos of a moving camera: stills warped frame by frame with OpenCV, some with an object that moves by itself."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..harness.videos import Picture, encode_frames
from .poses import Pose, frame_count, kind_speed, poses

SIZES = ((320, 240), (640, 360), (480, 270), (426, 240), (360, 480), (270, 480), (400, 400), (854, 480))
RATES = (15, 24, 25, 30, 50)


@dataclass(frozen=True)
class Shot:
    """One video to render: a label, a seed, and the still and the object's picture it is made of."""

    label: int
    seed: int
    still: Picture
    other: Picture


def stills(videos: list[Path], per_video: int) -> list[Picture]:
    """`per_video` evenly spaced frames of each video, BGR."""
    found: list[Picture] = []
    for video in videos:
        capture = cv2.VideoCapture(str(video))
        frames: list[Picture] = []
        while (read := capture.read())[0]:
            frames.append(np.asarray(read[1], np.uint8))
        found += [frames[i] for i in np.linspace(0, len(frames) - 1, per_video).astype(int)]
    return found


def look(picture: Picture, size: tuple[int, int], texels: float, pose: Pose) -> Picture:
    """The picture through the camera, [height, width, 3] of `size`; `texels`: its pixels per frame width."""
    angle, scale, x, y = pose
    width, height = size
    step = texels / width * scale
    cos, sin = math.cos(angle) * step, math.sin(angle) * step
    centre_x, centre_y = picture.shape[1] / 2 + x * texels, picture.shape[0] / 2 + y * texels
    matrix = np.array(
        [
            [cos, -sin, centre_x - cos * width / 2 + sin * height / 2],
            [sin, cos, centre_y - sin * width / 2 - cos * height / 2],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def frames_of(shot: Shot) -> Iterator[Picture]:
    """The shot's frames, BGR, all of one size; a third of all shots have a moving object."""
    rng = np.random.default_rng(shot.seed)
    size = SIZES[int(rng.integers(len(SIZES)))]
    speed = kind_speed(shot.label, rng)
    count = frame_count(shot.label, speed, rng)
    path = poses(shot.label, count, rng, speed)
    texels = shot.still.shape[1] * rng.uniform(0.35, 0.9)
    blur, noise, gain = rng.random() < 0.4, rng.uniform(0, 5), rng.uniform(-0.15, 0.15)
    disc = _Disc(shot.other, size, rng) if rng.random() < 1 / 3 else None
    for index in range(count):
        pose = path.at(index)
        frame = look(shot.still, size, texels, pose)
        if blur and index + 1 < count:
            middle = tuple((np.array(pose) * 0.7 + 0.3 * np.array(path.at(index + 1))).tolist())
            later = look(shot.still, size, texels, middle)
            frame = np.asarray(cv2.addWeighted(frame, 0.5, later, 0.5, 0), np.uint8)
        if disc is not None:
            disc.paint(frame, index)
        bright = frame.astype(np.float32) * (1 + gain * index / count) + rng.normal(0, noise, frame.shape)
        yield bright.clip(0, 255).astype(np.uint8)


class _Disc:
    """A disc cut from another still, on a straight path of its own."""

    def __init__(self, picture: Picture, size: tuple[int, int], rng: np.random.Generator) -> None:
        area = rng.uniform(0.02, 0.25) * size[0] * size[1]
        self.radius = int(math.sqrt(area / math.pi))
        self.start = rng.uniform(0.1, 0.9, 2) * size
        self.speed = rng.uniform(-0.01, 0.01, 2) * size[0]
        side = self.radius * 2 + 1
        self.patch = cv2.resize(picture, (side, side))
        self.mask = cv2.circle(np.zeros((side, side), np.uint8), (self.radius, self.radius), self.radius, 1, -1) > 0

    def paint(self, frame: Picture, index: int) -> None:
        """Draw it into the frame of that number, as far as it is inside."""
        left, top = ((self.start + self.speed * index) - self.radius).astype(int)
        height, width = frame.shape[:2]
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + self.mask.shape[1], width), min(top + self.mask.shape[0], height)
        if x0 < x1 and y0 < y1:
            inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            frame[y0:y1, x0:x1][self.mask[inner]] = self.patch[inner][self.mask[inner]]


def encode(shot: Shot, path: Path) -> None:
    """Render and encode one video. Raises CalledProcessError."""
    rng = np.random.default_rng(shot.seed + 1_000_000)
    codec = (
        ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(rng.integers(18, 34))]
        if rng.random() < 0.6
        else ["-c:v", "mpeg4", "-q:v", str(rng.integers(2, 12))]
    )
    encode_frames(frames_of(shot), RATES[int(rng.integers(len(RATES)))], codec, path)
