"""Training clips, drawn on the device that trains: scene, moving objects, camera path, then `degrade`.

The frame is squeezed to 171 x 128 and its middle 112 x 112 kept, as the service does with every frame.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from . import degrade, motion
from .textures import rand

RESIZE_WIDTH, RESIZE_HEIGHT, CROP, LEFT, TOP = 171, 128, 112, 30, 8
SHUTTER_STEPS = 3


@dataclass
class Frame:
    """Sample positions of the crop in the frame: x and y in frame widths from its centre, [n, 112, 112]."""

    x: torch.Tensor
    y: torch.Tensor
    height: torch.Tensor  # [n, 1, 1], in frame widths


def frame_positions(n: int, device: torch.device) -> Frame:
    """Frames of random aspect ratio, 9:16 to 2.4:1."""
    common = torch.tensor([16 / 9, 4 / 3, 16 / 9, 1.0, 9 / 16, 3 / 4, 2.39, 1.85], device=device)
    aspect = common[torch.randint(len(common), (n,), device=device)] * rand(n, low=0.97, high=1.03, device=device)
    height = (1 / aspect)[:, None, None]
    columns = (torch.arange(CROP, device=device) + LEFT + 0.5) / RESIZE_WIDTH - 0.5
    rows = (torch.arange(CROP, device=device) + TOP + 0.5) / RESIZE_HEIGHT - 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return Frame(x.expand(n, -1, -1), y[None] * height, height)


def look_up(pictures: torch.Tensor, x: torch.Tensor, y: torch.Tensor, zoom: torch.Tensor) -> torch.Tensor:
    """Sample pictures [n, 3, S, S] at x, y [n, T, H, W] (frame widths; `zoom` [n] texture widths each)."""
    n, frames, height, width = x.shape
    grid = torch.stack((x, y), dim=-1).view(n, frames * height, width, 2) * (2 * zoom[:, None, None, None])
    seen = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return seen.view(n, 3, frames, height, width).transpose(1, 2)


@dataclass
class Thing:
    """An independent foreground object: a patch of another picture that passes, or sways, turns and bends."""

    pictures: torch.Tensor
    half: torch.Tensor  # [2, n]: half sizes, frame widths
    start: torch.Tensor  # [2, n]
    speed: torch.Tensor  # [2, n], a frame
    sway: torch.Tensor  # [2, n]: how far it swings about its path, frame widths
    pace: torch.Tensor  # [2, n]: of that swing, radians a frame
    turn: torch.Tensor  # [n]: how far it turns to and fro, radians
    bend: torch.Tensor  # [n]: how far it bends, frame widths
    wave: torch.Tensor  # [n]: of that bending, radians a frame width
    power: torch.Tensor  # [n]
    zoom: torch.Tensor  # [n]
    present: torch.Tensor  # [n], bool

    def _place(self, axis: int, time: torch.Tensor) -> torch.Tensor:
        straight = self.start[axis, :, None] + self.speed[axis, :, None] * time
        swing = torch.sin(self.pace[axis, :, None] * time + self.start[axis, :, None] * 9)
        return straight + self.sway[axis, :, None] * swing

    def _own(self, frame: Frame, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions relative to the object, which sways, turns to and fro and bends: people do."""
        x = frame.x[:, None] - self._place(0, time)[:, :, None, None]
        y = frame.y[:, None] - self._place(1, time)[:, :, None, None]
        turn = (self.turn[:, None] * torch.sin(self.pace[0, :, None] * 0.7 * time))[:, :, None, None]
        x, y = x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()
        phase = (self.pace[1, :, None] * time)[:, :, None, None]
        bend, wave = self.bend[:, None, None, None], self.wave[:, None, None, None]
        return x + bend * torch.sin(wave * y + phase), y + bend * torch.sin(wave * x - phase)

    def paint(self, picture: torch.Tensor, frame: Frame, time: torch.Tensor) -> torch.Tensor:
        """`picture` [n, T, 3, H, W] with the object drawn over it; `time` [n, T] in frames."""
        x, y = self._own(frame, time)
        power = self.power[:, None, None, None]
        across = (x / self.half[0, :, None, None, None]).abs() ** power
        down = (y / self.half[1, :, None, None, None]).abs() ** power
        inside = (across + down < 1) & self.present[:, None, None, None]
        return torch.where(inside[:, :, None], look_up(self.pictures, x, y, self.zoom), picture)


def sample_thing(bank: torch.Tensor, frame: Frame, frames: int, share: float, alive: float) -> Thing:
    """An object covering up to `share` of the frame; `alive` of them sway and bend, a third pass through."""
    device = bank.device
    n = frame.height.shape[0]
    height = frame.height[:, 0, 0]
    area = rand(n, low=0.01, high=share, device=device) * height
    ratio = rand(n, low=-0.7, high=0.7, device=device).exp()
    middle = rand(2, n, low=-0.4, high=0.4, device=device) * torch.stack((torch.ones_like(height), height))
    passing = torch.rand(n, device=device) < 0.6
    speed = rand(2, n, low=-1, high=1, device=device) ** 3 * 0.03 * passing
    living = torch.rand(n, device=device) < alive
    return Thing(
        pictures=bank[torch.randint(len(bank), (n,), device=device)],
        half=torch.stack(((area / 3.3 * ratio).sqrt(), (area / 3.3 / ratio).sqrt())),
        start=middle - speed * frames / 2,
        speed=speed,
        sway=rand(2, n, high=0.12, device=device) ** 1.5 * living,
        pace=rand(2, n, low=0.05, high=0.5, device=device),
        turn=rand(n, high=0.5, device=device) * living,
        bend=rand(n, high=0.04, device=device) * living,
        wave=rand(n, low=2, high=15, device=device),
        power=rand(n, low=1.2, high=6, device=device),
        zoom=rand(n, low=0.4, high=2.5, device=device),
        present=torch.rand(n, device=device) < 0.5,
    )


def letterbox(picture: torch.Tensor, frame: Frame) -> torch.Tensor:
    """Dark bars above and below, or left and right, on a quarter of the clips."""
    n, device = picture.shape[0], picture.device
    kind = torch.rand(n, 1, 1, device=device)
    rows = frame.y.abs() / frame.height * 2 > 1 - rand(n, 1, 1, low=0.05, high=0.3, device=device)
    columns = frame.x.abs() * 2 > 1 - rand(n, 1, 1, low=0.1, high=0.66, device=device)
    bars = torch.where(kind < 0.12, rows, columns) & (kind < 0.25)
    dark = rand(n, 1, 1, 1, 1, high=0.08, device=device)
    return torch.where(bars[:, None, None], dark, picture)


def scene(bank: torch.Tensor, labels: torch.Tensor, frames: int) -> torch.Tensor:
    """Clean clips float32 [n, T, 3, 112, 112], blurred over a random part of each frame's time."""
    n, device = len(labels), labels.device
    frame = frame_positions(n, device)
    path = motion.sample(labels, frames)
    pictures = bank[torch.randint(len(bank), (n,), device=device)]
    zoom = log_zoom(n, device)
    origin = rand(2, n, 1, 1, 1, low=-0.5, high=0.5, device=device) / zoom[:, None, None, None]
    # One that fills up to half of the picture and lives, as a person before the camera does; and a smaller one.
    things = [sample_thing(bank, frame, frames, 0.5, 0.8), sample_thing(bank, frame, frames, 0.15, 0.4)]
    shutter = rand(n, 1, device=device) * (torch.rand(n, 1, device=device) < 0.7)
    time = torch.arange(frames, device=device)[None].expand(n, -1)
    total = torch.zeros((), device=device)
    for step in range(SHUTTER_STEPS):
        delay = shutter * (step / SHUTTER_STEPS)
        angle, log_scale, shift_x, shift_y = (value[:, :, None, None] for value in path.at(delay))
        size = log_scale.exp()
        x, y = frame.x[:, None] * size, frame.y[:, None] * size
        seen_x = angle.cos() * x - angle.sin() * y + shift_x + origin[0]
        seen_y = angle.sin() * x + angle.cos() * y + shift_y + origin[1]
        picture = look_up(pictures, seen_x, seen_y, zoom)
        for thing in things:
            picture = thing.paint(picture, frame, time + delay)
        total = total + picture
    return letterbox(total / SHUTTER_STEPS, frame).contiguous()


def log_zoom(n: int, device: torch.device) -> torch.Tensor:
    """How many texture widths the frame shows, 0.25 to 1.6, log-uniform."""
    return motion.log_uniform(n, (0.25, 1.6), device)[:, 0]


def clips(bank: torch.Tensor, labels: torch.Tensor, frames: int) -> torch.Tensor:
    """Training clips float32 [n, T, 3, 112, 112], whole grey levels 0..255, for `labels` (int64 [n])."""
    picture = scene(bank, labels, frames)
    third = max(1, len(labels) // 3)
    picture = torch.cat((degrade.soften(picture[:third]), picture[third:]))
    picture = degrade.add_noise(degrade.expose(picture)).clamp(0, 1)
    half = max(1, len(labels) // 2)
    picture = torch.cat((degrade.compress(picture[:half]), picture[half:]))
    return (picture.clamp(0, 1) * 255).round()
