"""Training clips, drawn on the device that trains: scene, moving objects, camera path, then `edit` and `degrade`.

The frame is squeezed to 171 x 128 and its middle 112 x 112 kept, as the service does with every frame.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from . import cards, degrade, edit, foreground, motion, textures
from .foreground import Frame, View
from .textures import rand

RESIZE_WIDTH, RESIZE_HEIGHT, CROP, LEFT, TOP = 171, 128, 112, 30, 8
SHUTTER_STEPS = 3
CARD = 192  # pixels a side of a cut-out


@dataclass
class Bank:
    """Pictures that clips are drawn from, float32."""

    scenes: torch.Tensor  # [n, 3, S, S]
    people: torch.Tensor  # [m, 4, side, side]
    things: torch.Tensor  # [m, 4, side, side]
    captions: torch.Tensor  # [m, 4, CROP, CROP]

    def renew(self, photos: list[torch.Tensor]) -> None:
        """Replace some of all kinds by new ones."""
        people, things = cards.cut_outs(photos, 8, self.people.shape[-1], self.scenes.device)
        scenes = textures.scenes(photos, 16, self.scenes.shape[-1], self.scenes.device)
        captions = cards.captions(8, CROP, self.scenes.device)
        kinds = ((self.scenes, scenes), (self.people, people), (self.things, things), (self.captions, captions))
        for old, new in kinds:
            old[torch.randperm(len(old), device=old.device)[: len(new)]] = new


def fill_bank(photos: list[torch.Tensor], pictures: int, side: int, device: torch.device) -> Bank:
    """`pictures` scenes of `side` pixels, rounded down to sixteens, at least one; and half as many of the rest."""
    rounds = max(1, pictures // 16)
    scenes = torch.cat([textures.scenes(photos, 16, side, device) for _ in range(rounds)])
    people, things = zip(*(cards.cut_outs(photos, 8, min(side, CARD), device) for _ in range(rounds)), strict=True)
    return Bank(scenes, torch.cat(people), torch.cat(things), cards.captions(8 * rounds, CROP, device))


def frame_positions(n: int, device: torch.device) -> Frame:
    """Frames of random aspect ratio, 9:16 to 2.4:1, through lenses that bend a little, or more in one of five."""
    common = torch.tensor([16 / 9, 4 / 3, 16 / 9, 1.0, 9 / 16, 3 / 4, 2.39, 1.85], device=device)
    aspect = common[torch.randint(len(common), (n,), device=device)] * rand(n, low=0.97, high=1.03, device=device)
    height = (1 / aspect)[:, None, None]
    columns = (torch.arange(CROP, device=device) + LEFT + 0.5) / RESIZE_WIDTH - 0.5
    rows = (torch.arange(CROP, device=device) + TOP + 0.5) / RESIZE_HEIGHT - 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    x, y = x.expand(n, -1, -1), y[None] * height
    strength = torch.where(torch.rand(n, 1, 1, device=device) < 0.2, 1.0, 0.15) * rand(n, 1, 1, low=-0.4, device=device)
    bent = 1 + strength * (x * x + y * y)
    return Frame(x * bent, y * bent, height)


def look_up(pictures: torch.Tensor, x: torch.Tensor, y: torch.Tensor, zoom: torch.Tensor) -> torch.Tensor:
    """Sample pictures [n, 3, S, S] at x, y [n, T, H, W] (frame widths; `zoom` [n] texture widths each)."""
    n, frames, height, width = x.shape
    grid = torch.stack((x, y), dim=-1).view(n, frames * height, width, 2) * (2 * zoom[:, None, None, None])
    seen = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return seen.view(n, 3, frames, height, width).transpose(1, 2)


def _view(path: motion.Path, frame: Frame, delay: torch.Tensor) -> View:
    angle, log_scale, shift_x, shift_y = (value[:, :, None, None] for value in path.at(delay))
    size = log_scale.exp()
    x, y = frame.x[:, None] * size, frame.y[:, None] * size
    cos, sin = angle.cos(), angle.sin()
    return View(cos * x - sin * y, sin * x + cos * y, shift_x, shift_y)


def scene(bank: Bank, path: motion.Path, frame: Frame) -> torch.Tensor:
    """Clean clips float32 [n, T, 3, 112, 112], blurred over a random part of each frame's time."""
    (n, frames), device = path.angle.shape, path.angle.device
    pictures = bank.scenes[torch.randint(len(bank.scenes), (n,), device=device)]
    zoom = motion.log_uniform(n, (0.25, 1.6), device)[:, 0]  # texture widths the frame shows
    origin = rand(2, n, 1, 1, 1, low=-0.5, high=0.5, device=device) / zoom[:, None, None, None]
    # What is lower, or higher, in the picture is nearer in a quarter of the scenes, and passes faster.
    slope = rand(n, 1, 1, 1, low=-0.5, high=0.5, device=device) * (torch.rand(n, 1, 1, 1, device=device) < 0.25)
    near = 1 + slope * (frame.y / frame.height * 2)[:, None]
    # Leaves, water, a crowd: in a fifth of the scenes nothing keeps quite still.
    stir = rand(n, high=0.012, device=device) * (torch.rand(n, device=device) < 0.2)
    ripple = foreground.ripple(n, frames, CROP, stir)
    things = [foreground.person(bank.people, frame, frames), foreground.passer(bank.things, frame, frames)]
    shutter = rand(n, 1, device=device) * (torch.rand(n, 1, device=device) < 0.7)
    time = torch.arange(frames, device=device)[None].expand(n, -1)
    total = torch.zeros((), device=device)
    for step in range(SHUTTER_STEPS):
        delay = shutter * (step / SHUTTER_STEPS)
        view = _view(path, frame, delay)
        x = view.x + view.shift_x * near + origin[0] + ripple[:, 0]
        y = view.y + view.shift_y * near + origin[1] + ripple[:, 1]
        picture = look_up(pictures, x, y, zoom)
        for thing in things:
            picture = thing.paint(picture, frame, view, time + delay)
        total = total + picture
    return total / SHUTTER_STEPS


def clips(bank: Bank, labels: torch.Tensor, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Training clips float32 [n, T, 3, 112, 112], whole grey levels 0..255, for `labels` (int64 [n]).

    With them the probability of each label, float32 [n, 9]: not every clip has a right answer.
    """
    n, device = len(labels), labels.device
    path, frame = motion.sample(labels, frames), frame_positions(n, device)
    picture, targets = edit.cut(scene(bank, path, frame), path.target)
    third = max(1, n // 3)
    picture = torch.cat((degrade.soften(picture[:third].contiguous()), picture[third:]))
    picture = edit.caption(edit.letterbox(edit.fade(degrade.expose(picture)), frame), bank.captions)
    picture = edit.repeat(degrade.add_noise(picture).clamp(0, 1))
    half = max(1, n // 2)
    picture = torch.cat((degrade.compress(picture[:half]), picture[half:]))
    return (picture.clamp(0, 1) * 255).round(), targets
