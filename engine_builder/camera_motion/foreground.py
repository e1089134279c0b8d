"""Things before the scene that move by themselves, as people before a camera do, or that stand in the scene."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .textures import rand


@dataclass
class Frame:
    """Sample positions of the crop in the frame: x and y in frame widths from its centre, [n, side, side]."""

    x: torch.Tensor
    y: torch.Tensor
    height: torch.Tensor  # [n, 1, 1], in frame widths


@dataclass
class View:
    """Where each pixel looks, [n, T, side, side] in frame widths, turned and zoomed with the camera but not shifted."""

    x: torch.Tensor
    y: torch.Tensor
    shift_x: torch.Tensor  # [n, T, 1, 1]
    shift_y: torch.Tensor


def ripple(n: int, frames: int, side: int, strength: torch.Tensor) -> torch.Tensor:
    """Displacements [n, 2, T, side, side], up to about `strength` [n]: smooth in space, changing in time."""
    device = strength.device
    coarse = torch.randn(n, 2, 7, 5, 5, device=device) * strength[:, None, None, None, None]
    return F.interpolate(coarse, size=(frames, side, side), mode="trilinear", align_corners=True)


@dataclass
class Thing:
    """A cut-out that passes, sways, turns, bends, comes nearer; or stands in the scene, nearer than the rest of it."""

    cards: torch.Tensor  # [n, 4, S, S]
    half: torch.Tensor  # [2, n]: half sizes, frame widths
    start: torch.Tensor  # [2, n]
    speed: torch.Tensor  # [2, n], a frame
    sway: torch.Tensor  # [2, n]: how far it swings about its path, frame widths
    pace: torch.Tensor  # [2, n]: of that swing, radians a frame
    turn: torch.Tensor  # [n]: how far it turns to and fro, radians
    grow: torch.Tensor  # [n]: log size a frame
    near: torch.Tensor  # [n]: the scene's shift times this moves it; 0: it keeps its place before the camera
    bend: torch.Tensor  # [n, 2, T, side, side], frame widths
    present: torch.Tensor  # [n], bool

    def _place(self, axis: int, time: torch.Tensor) -> torch.Tensor:
        straight = self.start[axis, :, None] + self.speed[axis, :, None] * (time - time.mean(1, keepdim=True))
        swing = torch.sin(self.pace[axis, :, None] * time + self.start[axis, :, None] * 9)
        return (straight + self.sway[axis, :, None] * swing)[:, :, None, None]

    def paint(self, picture: torch.Tensor, frame: Frame, view: View, time: torch.Tensor) -> torch.Tensor:
        """`picture` [n, T, 3, H, W] with the object drawn over it; `time` [n, T] in frames."""
        near = self.near[:, None, None, None]
        x = torch.where(near > 0, view.x + near * view.shift_x, frame.x[:, None]) - self._place(0, time)
        y = torch.where(near > 0, view.y + near * view.shift_y, frame.y[:, None]) - self._place(1, time)
        turn = (self.turn[:, None] * torch.sin(self.pace[0, :, None] * 0.7 * time))[:, :, None, None]
        size = (self.grow[:, None] * (time - time.mean(1, keepdim=True))).clamp(-1, 1).exp()[:, :, None, None]
        cos, sin = turn.cos() / size, turn.sin() / size
        u = (x * cos - y * sin + self.bend[:, 0]) / self.half[0, :, None, None, None]
        v = (x * sin + y * cos + self.bend[:, 1]) / self.half[1, :, None, None, None]
        n, frames, height, width = u.shape
        grid = torch.stack((u, v), -1).view(n, frames * height, width, 2)
        seen = F.grid_sample(self.cards, grid, align_corners=False).view(n, 4, frames, height, width).transpose(1, 2)
        return torch.lerp(picture, seen[:, :, :3], seen[:, :, 3:] * self.present[:, None, None, None, None])


def _thing(bank: torch.Tensor, half: torch.Tensor, start: torch.Tensor, frames: int, side: int, share: float) -> Thing:
    n, device = half.shape[1], bank.device
    passing = torch.rand(n, device=device) < 0.4
    living = torch.rand(n, device=device) < 0.75
    standing = torch.rand(n, device=device) < 0.3
    alone = ~standing
    supple = rand(n, high=0.35, device=device) ** 1.5 * half.amin(0) * living
    return Thing(
        cards=bank[torch.randint(len(bank), (n,), device=device)],
        half=half,
        start=start,
        speed=rand(2, n, low=-1, high=1, device=device) ** 3 * 0.03 * passing * alone,
        sway=rand(2, n, high=0.25, device=device) ** 1.5 * living * alone,
        pace=rand(2, n, low=0.03, high=0.5, device=device),
        turn=rand(n, high=0.6, device=device) ** 1.5 * living * alone,
        grow=rand(n, low=-1, high=1, device=device) ** 3 * 0.02 * alone,
        near=rand(n, low=0.8, high=2, device=device) * standing,
        bend=ripple(n, frames, side, supple),
        present=torch.rand(n, device=device) < share,
    )


def person(bank: torch.Tensor, frame: Frame, frames: int) -> Thing:
    """Somebody who fills a tenth of the picture to nearly all of it, cut by its lower edge or not."""
    n, device = len(frame.x), bank.device
    height = frame.height[:, 0, 0]
    tall = rand(n, low=0.25, high=1.1, device=device) * height
    wide = tall * rand(n, low=0.6, high=1.3, device=device)
    across = rand(n, low=-0.35, high=0.35, device=device)
    down = height / 2 + tall * rand(n, low=-1.0, high=0.3, device=device)
    start = torch.stack((across, torch.minimum(down, height * 0.5)))
    return _thing(bank, torch.stack((wide, tall)), start, frames, frame.x.shape[-1], 0.55)


def passer(bank: torch.Tensor, frame: Frame, frames: int) -> Thing:
    """Something that fills up to a fifth of the picture."""
    n, device = len(frame.x), bank.device
    height = frame.height[:, 0, 0]
    area = rand(n, low=0.01, high=0.2, device=device) * height
    ratio = rand(n, low=-0.7, high=0.7, device=device).exp()
    half = torch.stack(((area / 3.3 * ratio).sqrt(), (area / 3.3 / ratio).sqrt()))
    start = rand(2, n, low=-0.4, high=0.4, device=device) * torch.stack((torch.ones_like(height), height))
    return _thing(bank, half, start, frames, frame.x.shape[-1], 0.45)
