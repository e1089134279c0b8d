"""What cameras and codecs do to a picture: exposure drift, noise, block compression."""

import math

import torch
import torch.nn.functional as F

from .textures import rand

BLOCK = 8


def expose(clips: torch.Tensor) -> torch.Tensor:
    """Gain that drifts over the clip. Takes and returns float32 [n, T, 3, H, W] in 0..1."""
    n, frames, device = clips.shape[0], clips.shape[1], clips.device
    time = torch.linspace(-0.5, 0.5, frames, device=device)[None]
    gain = 1 + time * rand(n, 1, low=-0.4, high=0.4, device=device) * (torch.rand(n, 1, device=device) < 0.5)
    offset = time * rand(n, 1, low=-0.1, high=0.1, device=device) * (torch.rand(n, 1, device=device) < 0.3)
    contrast = rand(n, 1, low=0.5, high=1.15, device=device)
    gain = gain * contrast
    return clips * gain[:, :, None, None, None] + offset[:, :, None, None, None]


def add_noise(clips: torch.Tensor) -> torch.Tensor:
    """Sensor noise, up to 6 % of full scale."""
    strength = rand(clips.shape[0], 1, 1, 1, 1, high=0.06, device=clips.device)
    present = torch.rand(clips.shape[0], 1, 1, 1, 1, device=clips.device) < 0.6
    return clips + torch.randn_like(clips) * strength * present


def _dct(device: torch.device) -> torch.Tensor:
    k = torch.arange(BLOCK, device=device, dtype=torch.float32)
    basis = torch.cos(math.pi / BLOCK * (k[None] + 0.5) * k[:, None]) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis


def _transform(blocks: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """`left @ block @ left.T` for every 8 x 8 block of [n, 3, H, W]."""
    n, c, h, w = blocks.shape
    tiles = blocks.reshape(n, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK)
    tiles = torch.einsum("ij,ncajbk,lk->ncaibl", left, tiles, left)
    return tiles.reshape(n, c, h, w)


def compress(clips: torch.Tensor) -> torch.Tensor:
    """A toy video codec on clips [n, T, 3, H, W]: each frame's change since the decoded frame before it, quantised
    in the DCT domain with a dead zone, and a key frame every so often."""
    n, frames, _, height, width = clips.shape
    device = clips.device
    basis = _dct(device)
    frequency = torch.arange(BLOCK, device=device)
    slope = (1 + (frequency[:, None] + frequency[None]) / 5).repeat(height // BLOCK, width // BLOCK)
    step = rand(n, 1, 1, 1, low=0.01, high=0.25, device=device) * slope
    interval = torch.randint(4, 40, (n, 1, 1, 1), device=device)
    phase = torch.randint(0, 40, (n, 1, 1, 1), device=device)
    # The service shrinks frames after decoding, so a codec's blocks have other sizes here and lie off the grid.
    roll = (int(torch.randint(BLOCK, ())), int(torch.randint(BLOCK, ())))
    decoded = torch.zeros_like(clips[:, 0])
    out = []
    for t in range(frames):
        frame = torch.roll(clips[:, t], roll, (2, 3))
        reference = torch.where((t + phase) % interval == 0, torch.full_like(decoded, 0.5), decoded)
        levels = _transform(frame - reference, basis) / step
        levels = levels.sign() * (levels.abs() + 0.3).floor()
        decoded = reference + _transform(levels * step, basis.T)
        out.append(torch.roll(decoded, (-roll[0], -roll[1]), (2, 3)))
    return torch.stack(out, 1)


def soften(clips: torch.Tensor) -> torch.Tensor:
    """A slight lens blur on clips [n, T, 3, H, W]."""
    n, frames, channels, height, width = clips.shape
    flat = clips.view(n * frames, channels, height, width)
    return F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), 3, stride=1).view_as(clips)
