"""What is done to footage after it was shot: cuts, cross-fades, fades to black, bars, captions, repeated frames."""

import torch

from .foreground import Frame
from .textures import rand


def cut(clips: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A seventh of the clips [n, T, ...] become two or three shots; their targets [n, 9] mix by the time each has."""
    n, frames, device = clips.shape[0], clips.shape[1], clips.device
    count = n // 7
    order = torch.randperm(n, device=device)
    first, other = order[:count], order[count : 2 * count]
    # Half of them go on with a shot of the same movement: cuts between still cameras are the most common of all.
    likeness = targets[first] @ targets.T
    likeness[torch.arange(count, device=device), first] = -1
    same = (likeness + torch.rand_like(likeness) * 0.01).argmax(1)
    other = torch.where(torch.rand(count, device=device) < 0.5, same, other)
    time = torch.arange(frames, device=device)[None]
    length = torch.where(torch.rand(count, 1, device=device) < 0.7, 0.5, rand(count, 1, low=2, high=14, device=device))
    start = rand(count, 1, low=-2, high=frames, device=device)
    end = start + rand(count, 1, low=4, high=2 * frames, device=device)
    weight = ((time - start) / length).clamp(0, 1) * (1 - ((time - end) / length).clamp(0, 1))
    share = weight.mean(1, keepdim=True)
    mixed, answers = clips.clone(), targets.clone()
    mixed[first] = torch.lerp(clips[first], clips[other], weight[:, :, None, None, None])
    answers[first] = torch.lerp(targets[first], targets[other], share)
    return mixed, answers


def fade(clips: torch.Tensor) -> torch.Tensor:
    """A tenth of the clips begin or end in the dark, or in white."""
    n, frames, device = clips.shape[0], clips.shape[1], clips.device
    time = torch.arange(frames, device=device)[None]
    time = torch.where(torch.rand(n, 1, device=device) < 0.5, time, frames - 1 - time)
    light = (time / rand(n, 1, low=2, high=0.8 * frames + 2, device=device)).clamp(0, 1)
    light = torch.where(torch.rand(n, 1, device=device) < 0.1, light, 1.0)
    ground = (torch.rand(n, 1, 1, 1, 1, device=device) < 0.2).float()
    return torch.lerp(ground, clips, light[:, :, None, None, None])


def letterbox(clips: torch.Tensor, frame: Frame) -> torch.Tensor:
    """Dark bars above and below, or left and right, on a quarter of the clips."""
    n, device = clips.shape[0], clips.device
    kind = torch.rand(n, 1, 1, device=device)
    rows = frame.y.abs() / frame.height * 2 > 1 - rand(n, 1, 1, low=0.05, high=0.3, device=device)
    columns = frame.x.abs() * 2 > 1 - rand(n, 1, 1, low=0.1, high=0.66, device=device)
    bars = torch.where(kind < 0.12, rows, columns) & (kind < 0.25)
    dark = rand(n, 1, 1, 1, 1, high=0.08, device=device)
    return torch.where(bars[:, None, None], dark, clips)


def caption(clips: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
    """One of `captions` [m, 4, H, W] over a fifth of the clips, at rest on the screen."""
    n, device = clips.shape[0], clips.device
    sheet = captions[torch.randint(len(captions), (n,), device=device)][:, None]
    strength = rand(n, 1, 1, 1, 1, low=0.5, device=device) * (torch.rand(n, 1, 1, 1, 1, device=device) < 0.2)
    return torch.lerp(clips, sheet[:, :, :3], sheet[:, :, 3:] * strength)


def repeat(clips: torch.Tensor) -> torch.Tensor:
    """An eighth of the clips were shot at fewer frames a second: every second, third or fourth frame is a copy."""
    n, frames, device = clips.shape[0], clips.shape[1], clips.device
    time = torch.arange(frames, device=device)[None]
    period = torch.randint(2, 6, (n, 1), device=device)
    halved, pulled = time - time % 2, torch.where(time % period == period - 1, time - 1, time)
    kind = torch.rand(n, 1, device=device)
    source = torch.where(kind < 0.04, halved, torch.where(kind < 0.125, pulled, time)).clamp_min(0)
    return clips[torch.arange(n, device=device)[:, None], source]
