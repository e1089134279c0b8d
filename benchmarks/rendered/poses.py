"""Camera movements as numbers: where the camera is in each frame of a video that has a given label."""

import math
from dataclasses import dataclass

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
CLIP = 32  # frames
MAX_ZOOM = 6.0

Pose = tuple[float, float, float, float]  # angle (radians), scale, x, y (frame widths)


@dataclass(frozen=True)
class Poses:
    """The camera for each frame: angle (radians), scale, and centre in frame widths."""

    angle: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]

    def at(self, index: int) -> Pose:
        """Of one frame."""
        return self.angle[index], self.scale[index], self.x[index], self.y[index]


def speed_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A random speed, slow ones as likely as fast ones."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def poses(label: int, frames: int, rng: np.random.Generator, speed: float) -> Poses:
    """A random path for a label; `speed` as from `kind_speed`."""
    ease = np.ones(frames)
    if rng.random() < 0.5:
        ramp = max(2, frames // 6)
        rise = 0.3 + 0.7 * (1 - np.cos(np.linspace(0, math.pi, ramp))) / 2
        ease[:ramp], ease[-ramp:] = rise, rise[::-1]
    path = np.concatenate(([0.0], np.cumsum(ease)[:-1])) * speed
    shake = rng.normal(0, rng.uniform(0, 0.0004), (2, frames)).clip(-0.001, 0.001)
    x, y, scale, angle = shake[0], shake[1], np.ones(frames), np.zeros(frames)
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
    """A random speed per frame: frame widths for pans and tilts, log scale for zooms, radians for rolls."""
    kind = LABELS[label].split()[0]
    if kind == "zoom":
        return math.log1p(speed_between(rng, 0.002, 0.03))
    if kind == "roll":
        return math.radians(speed_between(rng, 0.2, 3.0))
    return speed_between(rng, 0.003, 0.04)


def frame_count(label: int, speed: float, rng: np.random.Generator) -> int:
    """Frames of one to three clips and a rest; fast zooms end before everything is a blur."""
    most = 3
    if LABELS[label].startswith("zoom"):
        most = max(1, min(3, int(math.log(MAX_ZOOM) / speed / CLIP)))
    return CLIP * int(rng.integers(1, most + 1)) + int(rng.integers(0, 20))
