"""Camera paths: nine kinds of movement, eased, with hand jitter.

A pose maps a point (x, y) of the frame (x right, y down, unit: the frame's width) to the scene:
`scale * R(angle) (x, y) + shift`. So a camera that pans right moves `shift` right and the picture's content left.
"""

from dataclasses import dataclass

import torch

from .textures import rand

STATIC, PAN_LEFT, PAN_RIGHT, TILT_UP, TILT_DOWN, ZOOM_IN, ZOOM_OUT, ROLL_CLOCKWISE, ROLL_COUNTERCLOCKWISE = range(9)
PAN_SPEED = (0.003, 0.04)  # frame widths a frame
ZOOM_SPEED = (0.002, 0.03)  # factor less one, a frame
ROLL_SPEED = (0.2, 3.0)  # degrees a frame
JITTER = 0.001  # frame widths


@dataclass
class Path:
    """Poses at each frame's start and their change a frame; every tensor float32 [n, frames]."""

    angle: torch.Tensor
    log_scale: torch.Tensor
    shift_x: torch.Tensor
    shift_y: torch.Tensor
    rates: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]

    def at(self, delay: float | torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Angle, log scale, x and y `delay` frames after each frame's start."""
        poses = (self.angle, self.log_scale, self.shift_x, self.shift_y)
        angle, log_scale, x, y = (pose + rate * delay for pose, rate in zip(poses, self.rates, strict=True))
        return angle, log_scale, x, y


def log_uniform(n: int, bounds: tuple[float, float], device: torch.device) -> torch.Tensor:
    low, high = torch.tensor(bounds).log().tolist()
    return rand(n, 1, low=low, high=high, device=device).exp()


def easing(n: int, frames: int, device: torch.device) -> torch.Tensor:
    """Speed factors in 0..1, [n, frames]: half constant, the rest easing in, out, or both."""
    time = torch.arange(frames, device=device)[None] / (frames - 1)
    ramp = rand(n, 1, low=0.2, high=0.8, device=device)
    floor = rand(n, 1, low=0.0, high=0.6, device=device)
    kind = torch.rand(n, 1, device=device)

    def rise(t: torch.Tensor) -> torch.Tensor:
        s = (t / ramp).clamp(0, 1)
        return floor + (1 - floor) * s * s * (3 - 2 * s)

    factor = torch.ones(n, frames, device=device)
    factor = torch.where((kind > 0.5) & (kind < 0.85), rise(time), factor)
    return torch.where(kind > 0.67, factor * rise(1 - time), factor)


def _jitter(n: int, frames: int, device: torch.device) -> torch.Tensor:
    """A shaking hand, [n, frames]: noise, part of it smoothed over a few frames."""
    white = torch.randn(n, 1, frames + 8, device=device)
    smooth = torch.nn.functional.avg_pool1d(white, 9, stride=1)[:, 0] * 3
    mix = rand(n, 1, device=device)
    noise = (mix * white[:, 0, :frames] + (1 - mix) * smooth).clamp(-2, 2) / 2
    return noise * rand(n, 1, high=JITTER, device=device)


def sample(labels: torch.Tensor, frames: int) -> Path:
    """Random paths for `labels` (int64 [n])."""
    n, device = len(labels), labels.device
    label = labels[:, None]

    def signed(minus: int, plus: int, bounds: tuple[float, float]) -> torch.Tensor:
        direction = (label == plus).float() - (label == minus).float()
        return direction * log_uniform(n, bounds, device)

    pan = signed(PAN_LEFT, PAN_RIGHT, PAN_SPEED)
    tilt = signed(TILT_UP, TILT_DOWN, PAN_SPEED)
    zoom = torch.log1p(signed(ZOOM_IN, ZOOM_OUT, ZOOM_SPEED).abs())
    zoom = zoom * ((label == ZOOM_OUT).float() - (label == ZOOM_IN).float())
    roll = torch.deg2rad(signed(ROLL_COUNTERCLOCKWISE, ROLL_CLOCKWISE, ROLL_SPEED))

    # Nobody pans quite level: a pan drifts a little up or down, and the other way round.
    drift = rand(n, 1, low=-0.12, high=0.12, device=device)
    pan, tilt = pan + drift * tilt, tilt + drift * pan
    ease = easing(n, frames, device)
    rates = (roll * ease, zoom * ease, pan * ease, tilt * ease)
    angle, log_scale, x, y = (torch.cumsum(rate, 1) - rate.sum(1, keepdim=True) / 2 for rate in rates)
    scale = log_scale.exp()
    rates = (rates[0], rates[1], rates[2] * scale, rates[3] * scale)
    return Path(angle, log_scale, x + _jitter(n, frames, device), y + _jitter(n, frames, device), rates)
