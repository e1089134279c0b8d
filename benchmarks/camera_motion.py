"""Accuracy of the bundled model through the whole pipeline: `python -m benchmarks.camera_motion VIDEO...`.

Renders test videos in another way than training does: stills cut from the given videos, moved by OpenCV's `warpAffine`,
encoded as H.264 or MPEG-4 at several sizes, frame rates and qualities. Sends them through `r3d-classify` and prints
the confusion matrix of clips and of videos.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

LABELS = (
    "static",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "zoom in",
    "zoom out",
    "roll clockwise",
    "roll counterclockwise",
)
SIZES = ((320, 240), (640, 360), (480, 270), (426, 240), (360, 480), (270, 480), (400, 400), (854, 480))
RATES = (15, 24, 25, 30, 50)
CLIP = 32
MAX_ZOOM = 6.0

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """One video to render: a label, a seed, and the still and the object's picture it is made of."""

    label: int
    seed: int
    still: Picture
    other: Picture


def stills(videos: list[Path], per_video: int) -> list[Picture]:
    """Evenly spaced frames of the videos."""
    found: list[Picture] = []
    for video in videos:
        capture = cv2.VideoCapture(str(video))
        frames: list[Picture] = []
        while (read := capture.read())[0]:
            frames.append(np.asarray(read[1], np.uint8))
        found += [frames[i] for i in np.linspace(0, len(frames) - 1, per_video).astype(int)]
    return found


@dataclass(frozen=True)
class Poses:
    """The camera for each frame: angle (radians), scale, and centre in frame widths."""

    angle: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


def speed_of(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def poses(label: int, frames: int, rng: np.random.Generator, speed: float) -> Poses:
    """The path for a label; `speed` in the unit of its kind (see `kind_speed`)."""
    ease = np.ones(frames)
    if rng.random() < 0.5:
        ramp = max(2, frames // 6)
        rise = 0.3 + 0.7 * (1 - np.cos(np.linspace(0, math.pi, ramp))) / 2
        ease[:ramp], ease[-ramp:] = rise, rise[::-1]
    path = np.concatenate(([0.0], np.cumsum(ease)[:-1])) * speed
    zero = np.zeros(frames)
    shake = rng.normal(0, rng.uniform(0, 0.0004), (2, frames)).clip(-0.001, 0.001)
    x, y, scale, angle = shake[0], shake[1], np.ones(frames), zero
    sign = -1 if LABELS[label] in ("pan left", "tilt up", "zoom in", "roll counterclockwise") else 1
    if LABELS[label].startswith("pan"):
        x = x + sign * path
    elif LABELS[label].startswith("tilt"):
        y = y + sign * path
    elif LABELS[label].startswith("zoom"):
        scale = np.exp(sign * path) if sign > 0 else np.exp(path[-1] * 0.7 - path)
    elif LABELS[label].startswith("roll"):
        angle = sign * path
    return Poses(angle, scale, x, y)


def kind_speed(label: int, rng: np.random.Generator) -> float:
    """A speed a frame: frame widths for pans and tilts, log scale for zooms, radians for rolls."""
    kind = LABELS[label].split()[0]
    if kind == "zoom":
        return math.log1p(speed_of(rng, 0.002, 0.03))
    if kind == "roll":
        return math.radians(speed_of(rng, 0.2, 3.0))
    return speed_of(rng, 0.003, 0.04)


def frame_count(label: int, speed: float, rng: np.random.Generator) -> int:
    """One to three clips and a rest; fast zooms end before everything is a blur."""
    most = 3
    if LABELS[label].startswith("zoom"):
        most = max(1, min(3, int(math.log(MAX_ZOOM) / speed / CLIP)))
    return CLIP * int(rng.integers(1, most + 1)) + int(rng.integers(0, 20))


def look(picture: Picture, size: tuple[int, int], texels: float, pose: tuple[float, float, float, float]) -> Picture:
    """The picture through the camera; `texels` of it a frame width."""
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
    """The shot's frames, BGR. All of one size; a third of them with a moving object."""
    rng = np.random.default_rng(shot.seed)
    size = SIZES[int(rng.integers(len(SIZES)))]
    speed = kind_speed(shot.label, rng)
    count = frame_count(shot.label, speed, rng)
    path = poses(shot.label, count, rng, speed)
    texels = shot.still.shape[1] * rng.uniform(0.35, 0.9)
    blur, noise, gain = rng.random() < 0.4, rng.uniform(0, 5), rng.uniform(-0.15, 0.15)
    thing = _Thing(shot.other, size, rng) if rng.random() < 1 / 3 else None
    for index in range(count):
        pose = (path.angle[index], path.scale[index], path.x[index], path.y[index])
        frame = look(shot.still, size, texels, pose)
        if blur and index + 1 < count:
            middle = tuple((np.array(pose) * 0.7 + 0.3 * np.array(_pose(path, index + 1))).tolist())
            later = look(shot.still, size, texels, middle)
            frame = np.asarray(cv2.addWeighted(frame, 0.5, later, 0.5, 0), np.uint8)
        if thing is not None:
            thing.paint(frame, index)
        bright = frame.astype(np.float32) * (1 + gain * index / count) + rng.normal(0, noise, frame.shape)
        yield bright.clip(0, 255).astype(np.uint8)


def _pose(path: Poses, index: int) -> tuple[float, float, float, float]:
    return path.angle[index], path.scale[index], path.x[index], path.y[index]


class _Thing:
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
        left, top = ((self.start + self.speed * index) - self.radius).astype(int)
        height, width = frame.shape[:2]
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + self.mask.shape[1], width), min(top + self.mask.shape[0], height)
        if x0 < x1 and y0 < y1:
            inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            frame[y0:y1, x0:x1][self.mask[inner]] = self.patch[inner][self.mask[inner]]


def encode(shot: Shot, path: Path) -> None:
    """Render and encode one video."""
    rng = np.random.default_rng(shot.seed + 1_000_000)
    frames = frames_of(shot)
    first = next(frames)
    codec = (
        ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(rng.integers(18, 34))]
        if rng.random() < 0.6
        else ["-c:v", "mpeg4", "-q:v", str(rng.integers(2, 12))]
    )
    size = f"{first.shape[1]}x{first.shape[0]}"
    rate = str(RATES[int(rng.integers(len(RATES)))])
    source = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", rate, "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *source, *codec]
    with subprocess.Popen([*command, "-pix_fmt", "yuv420p", "-threads", "1", str(path)], stdin=subprocess.PIPE) as run:
        assert run.stdin is not None
        run.stdin.write(first.tobytes())
        for frame in frames:
            run.stdin.write(frame.tobytes())
        run.stdin.close()
    if run.returncode:
        raise RuntimeError(f"ffmpeg ended with {run.returncode}")


def render_all(videos: list[Path], per_class: int, seed: int, folder: Path) -> list[tuple[int, Path]]:
    """Every test video as (label, path)."""
    pictures = stills(videos, 24)
    rng = np.random.default_rng(seed)
    jobs: list[tuple[Shot, Path]] = []
    for label in range(len(LABELS)):
        for index in range(per_class):
            one, other = rng.integers(len(pictures), size=2)
            shot = Shot(label, int(rng.integers(1 << 30)), pictures[int(one)], pictures[int(other)])
            jobs.append((shot, folder / f"{label}-{index}.mp4"))
    with ProcessPoolExecutor() as pool:
        list(pool.map(encode, *zip(*jobs, strict=True), chunksize=4))
    return [(shot.label, path) for shot, path in jobs]


def classify(paths: list[Path], model: Path | None) -> list[dict[str, object]]:
    """Each video's answer, by the project's own command."""
    command = [str(Path(sys.executable).with_name("r3d-classify")), "--json"]
    command += ["--model", str(model)] if model else []
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def report(title: str, counts: npt.NDArray[np.int64]) -> None:
    """Print a confusion matrix, rows the truth."""
    print(f"\n{title}: {counts.trace()} of {counts.sum()} right, {counts.trace() / counts.sum():.2%}")
    width = max(map(len, LABELS))
    for label, row in zip(LABELS, counts, strict=True):
        right = row[LABELS.index(label)] / max(1, row.sum())
        print(f"  {label:{width}} " + " ".join(f"{count:4d}" for count in row) + f"  {right:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", help="where the stills come from")
    parser.add_argument("--per-class", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the rendered videos")
    args = parser.parse_args()
    clips = np.zeros((len(LABELS), len(LABELS)), np.int64)
    verdicts = np.zeros_like(clips)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        jobs = render_all(args.videos, args.per_class, args.seed, folder)
        answers = classify([path for _, path in jobs], args.model)
        for (label, path), answer in zip(jobs, answers, strict=True):
            verdicts[label, LABELS.index(str(answer["label"]))] += 1
            for clip in answer["clips"]:  # type: ignore[attr-defined]
                clips[label, clip["label_index"]] += 1
                if clip["label_index"] != label:
                    print(f"{path.name} clip {clip['index']}: {LABELS[label]} taken for {clip['label']}")
    report("clips", clips)
    report("videos", verdicts)


if __name__ == "__main__":
    main()
