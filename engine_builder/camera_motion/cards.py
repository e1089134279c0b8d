"""Cut-outs that move before the scene, and captions that stay where they are. All float32 RGBA in 0..1."""

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from . import textures
from .textures import rand

COLOURS = ((255, 255, 255), (255, 230, 40), (0, 0, 0), (200, 30, 30))
LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvwxyz0123456789 .,:-!?"))


def _grid(side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """X and y of a card's pixels, -1..1, [side, side]."""
    axis = torch.linspace(-1, 1, side, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


def _ellipse(pictures: torch.Tensor, centre: tuple[float, float], half: tuple[float, float]) -> torch.Tensor:
    """Masks [n, side, side], for each picture, of ellipses about there and that large, each a little different."""
    n, device = len(pictures), pictures.device
    x, y = _grid(pictures.shape[-1], device)
    middle = torch.tensor(centre, device=device)[:, None, None, None] + rand(
        2, n, 1, 1, low=-0.1, high=0.1, device=device
    )
    size = torch.tensor(half, device=device)[:, None, None, None] * rand(2, n, 1, 1, low=0.7, high=1.35, device=device)
    turn = rand(n, 1, 1, low=-0.5, high=0.5, device=device)
    u, v = x - middle[0], y - middle[1]
    u, v = (u * turn.cos() + v * turn.sin()) / size[0], (v * turn.cos() - u * turn.sin()) / size[1]
    return (u.abs() ** 2.5 + v.abs() ** 2.5 < 1).float()


def _people(pictures: torch.Tensor) -> torch.Tensor:
    """Head, arms and body in plain or patterned clothes, cut from `pictures` [n, 3, side, side]."""
    n, device = len(pictures), pictures.device
    parts = (
        ((-0.5, 0.3), (0.16, 0.6)),
        ((0.5, 0.3), (0.16, 0.6)),
        ((0.0, 0.7), (0.5, 0.75)),
        ((0.0, -0.2), (0.12, 0.25)),
        ((0.0, -0.55), (0.23, 0.32)),
        ((0.0, -0.75), (0.25, 0.2)),
    )
    colour, alpha = pictures, torch.zeros_like(pictures[:, 0])
    skin = rand(n, 3, 1, 1, low=0.15, high=0.9, device=device)
    for index, (centre, half) in enumerate(parts):
        mask = _ellipse(pictures, centre, half) * (torch.rand(n, 1, 1, device=device) < 0.9)
        tint = skin if index in (3, 4) else rand(n, 3, 1, 1, device=device)
        plain = rand(n, 1, 1, 1, low=0.2, high=0.95, device=device)
        part = torch.roll(pictures, index * 7, 0) * (1 - plain) + tint * plain
        colour = torch.where(mask[:, None] > 0, part, colour)
        alpha = torch.maximum(alpha, mask)
    return torch.cat((colour, alpha[:, None]), 1)


def _blobs(pictures: torch.Tensor) -> torch.Tensor:
    """Boxes, balls, bushes."""
    n, device = len(pictures), pictures.device
    side = pictures.shape[-1]
    x, y = _grid(side, device)
    power = rand(n, 1, 1, low=1.2, high=6, device=device)
    edge = x.abs() ** power + y.abs() ** power
    ragged = F.interpolate(torch.randn(n, 1, 9, 9, device=device), size=(side, side), mode="bicubic")[:, 0]
    ragged = ragged * rand(n, 1, 1, high=0.6, device=device) * (torch.rand(n, 1, 1, device=device) < 0.4)
    return torch.cat((pictures, (edge + ragged < 0.9).float()[:, None]), 1)


def cut_outs(photos: list[torch.Tensor], n: int, side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """People and things, `n` of each: [n, 4, side, side], with soft edges, transparent at the card's."""
    both = []
    for cut in (_people, _blobs):
        card = cut(textures.mixed(photos, n, side, device))
        alpha = F.avg_pool2d(F.pad(card[:, 3:, 3:-3, 3:-3], (5, 5, 5, 5)), 5, stride=1)
        both.append(torch.cat((card[:, :3], alpha), 1))
    return both[0], both[1]


def captions(n: int, side: int, device: torch.device) -> torch.Tensor:
    """Subtitles, clocks, marks of a channel: [n, 4, side, side], most of each transparent."""
    rng = np.random.default_rng(int(torch.randint(1 << 30, ())))
    sheets = np.zeros((n, side, side, 4), np.uint8)
    for sheet in sheets:
        for _ in range(int(rng.integers(1, 4))):
            _write(sheet, rng)
    return torch.from_numpy(sheets).to(device).permute(0, 3, 1, 2).float() / 255


def _write(sheet: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """A line of text somewhere, often near the lower edge, some on a box."""
    side = len(sheet)
    colour = (*COLOURS[int(rng.integers(len(COLOURS)))], 255)
    x, y = int(rng.integers(-side // 3, side * 2 // 3)), int(rng.integers(side // 8, side))
    y = int(side * 0.92) if rng.random() < 0.5 else y
    size = float(rng.uniform(0.15, 0.6)) * side / 112
    if rng.random() < 0.3:
        box = (*rng.integers(0, 256, 3).tolist(), 255)
        corner = (x + int(rng.integers(10, side)), y + int(8 * size))
        cv2.rectangle(sheet, (x, y - int(24 * size)), corner, box, -1)
    text = "".join(rng.choice(LETTERS, int(rng.integers(2, 26))))
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, int(rng.integers(1, 3)), cv2.LINE_AA)
