"""Camera paths: nine kinds of movement, eased, slow, mixed or wandering, with hand jitter; and what to call them.

A pose maps a point (x, y) of the frame (x right, y down, unit: the frame's width) to the scene:
`scale * R(angle) (x, y) + shift`. So a camera that pans right moves `shift` right and the picture's content left.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .textures import rand

STATIC, PAN_LEFT, PAN_RIGHT, TILT_UP, TILT_DOWN, ZOOM_IN, ZOOM_OUT, ROLL_CLOCKWISE, ROLL_COUNTERCLOCKWISE = range(9)
CLASSES = 9
PAN_SPEED = (0.003, 0.04)  # frame widths a frame
ZOOM_SPEED = (0.002, 0.03)  # factor less one, a frame
ROLL_SPEED = (0.2, 3.0)  # degrees a frame
SHAKE = (0.001, 0.005)  # frame widths: a steady hand, and another
# Components of a movement: pan, tilt, zoom, roll. Each counts by its slowest speed, and by how far content moves.
SLOWEST = (0.003, 0.003, 0.002, 0.0035)  # frame widths, frame widths, log scale, radians; a frame
REACH = (1.0, 1.0, 0.4, 0.4)  # frame widths of content for one of those units
STILL = 0.4  # of the slowest speed: as likely to be called static as moving


@dataclass
class Path:
    """Poses at each frame's start and their change a frame; every tensor float32 [n, frames]."""

    angle: torch.Tensor
    log_scale: torch.Tensor
    shift_x: torch.Tensor
    shift_y: torch.Tensor
    rates: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
    target: torch.Tensor  # [n, 9]: how likely a viewer is to give it each label

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


def _shake(n: int, frames: int, device: torch.device) -> torch.Tensor:
    """A shaking hand, [n, frames], frame widths: noise, part of it smoothed over a few frames; 3 in 10 shake more."""
    white = torch.randn(n, 1, frames + 8, device=device)
    smooth = F.avg_pool1d(white, 9, stride=1)[:, 0] * 3
    strong = torch.rand(n, 1, device=device) < 0.3
    # What shakes far shakes slowly.
    mix = torch.where(strong, 0.15, 1.0) * rand(n, 1, device=device)
    noise = (mix * white[:, 0, :frames] + (1 - mix) * smooth).clamp(-2, 2) / 2
    return noise * rand(n, 1, device=device) * torch.where(strong, SHAKE[1], SHAKE[0])


def _speeds(labels: torch.Tensor, slow: torch.Tensor) -> torch.Tensor:
    """Signed speeds [n, 4] of movements with those labels; where `slow` [n], below the slowest that has a name."""
    n, device = len(labels), labels.device
    pairs = ((PAN_LEFT, PAN_RIGHT), (TILT_UP, TILT_DOWN), (ZOOM_IN, ZOOM_OUT), (ROLL_COUNTERCLOCKWISE, ROLL_CLOCKWISE))
    pan, zoom, roll = (log_uniform(n, bounds, device)[:, 0] for bounds in (PAN_SPEED, ZOOM_SPEED, ROLL_SPEED))
    speeds = torch.stack((pan, pan, torch.log1p(zoom), torch.deg2rad(roll)), 1)
    crawl = log_uniform(n, (0.02, 1.0), device) * torch.tensor(SLOWEST, device=device)
    speeds = torch.where(slow[:, None], crawl, speeds)
    signs = torch.stack([(labels == plus).float() - (labels == minus).float() for minus, plus in pairs], 1)
    return speeds * signs


def _wandering(n: int, frames: int, device: torch.device) -> torch.Tensor:
    """Speeds [n, 4, frames] of a camera that goes one way and another."""
    keys = torch.randn(n, 4, 5, device=device) * torch.tensor(SLOWEST, device=device)[:, None]
    some = torch.rand(n, 4, 1, device=device) < 0.6
    strength = log_uniform(n, (0.3, 6.0), device)[:, :, None]
    return F.interpolate(keys * some * strength, size=frames, mode="linear", align_corners=True)


def judge(speeds: torch.Tensor) -> torch.Tensor:
    """How likely a viewer is to give each label, [n, 9], to movements with those speeds [n, 4, frames].

    Movement far below its slowest named speed is static; between several movements the farther ones win; what comes
    from going to and fro has no label, and leaves all of them likely.
    """
    mean = speeds.mean(2)
    device = speeds.device
    pace = mean / torch.tensor(SLOWEST, device=device)
    reach = mean * torch.tensor(REACH, device=device)
    to_and_fro = ((speeds.sign() * mean.sign()[:, :, None] < 0) * speeds.abs()).mean(2)
    restless = to_and_fro / torch.tensor(SLOWEST, device=device)
    moving, lost = pace.norm(dim=1) ** 3, (2 * restless.norm(dim=1)) ** 3
    shares = torch.stack((reach.clamp(max=0), reach.clamp(min=0)), 2).flatten(1).square()
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-12)
    scores = torch.cat((torch.full_like(moving, STILL**3)[:, None], shares * moving[:, None]), 1)
    # Pairs come as (left, right), (up, down), (in, out), (counterclockwise, clockwise).
    scores = scores[:, [0, 1, 2, 3, 4, 5, 6, 8, 7]] + lost[:, None] / CLASSES
    return scores / scores.sum(1, keepdim=True)


def sample(labels: torch.Tensor, frames: int) -> Path:
    """Random paths for `labels` (int64 [n]): most are plainly that; of the rest, the path's target tells."""
    n, device = len(labels), labels.device
    kind = torch.rand(n, device=device)
    slow, mixed, wandering = kind < 0.12, (kind > 0.12) & (kind < 0.22), (kind > 0.22) & (kind < 0.28)
    speeds = _speeds(labels, slow)
    other = _speeds(labels[torch.randperm(n, device=device)], slow) * rand(n, 1, device=device)
    speeds = torch.where(mixed[:, None], speeds + other, speeds)
    # Nobody pans quite level: a pan drifts a little up or down, and the other way round.
    drift = rand(n, 1, low=-0.12, high=0.12, device=device)
    speeds = torch.cat((speeds[:, :2] + drift * speeds[:, :2].flip(1), speeds[:, 2:]), 1)
    moves = speeds[:, :, None] * easing(n, frames, device)[:, None]
    moves = torch.where(wandering[:, None, None], moves * 0.3 + _wandering(n, frames, device), moves)
    return _integrate(moves)


def _integrate(moves: torch.Tensor) -> Path:
    """The path with those speeds [n, 4, frames], its middle at rest in the origin, with a hand's shake."""
    n, _, frames = moves.shape
    x, y, log_scale, angle = (torch.cumsum(move, 1) - move.sum(1, keepdim=True) / 2 for move in moves.unbind(1))
    scale = log_scale.exp()
    rates = (moves[:, 3], moves[:, 2], moves[:, 0] * scale, moves[:, 1] * scale)
    shake_x, shake_y, shake_angle = (_shake(n, frames, moves.device) for _ in range(3))
    return Path(angle + shake_angle, log_scale, x + shake_x, y + shake_y, rates, judge(moves))
