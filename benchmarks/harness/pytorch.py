"""torchvision's network as a user would run it with PyTorch (needs PyTorch and torchvision)."""

from typing import Any

import torch

from engine_builder.manifest import ClipFormat, Frames

from .weights import weights


def r3d_18() -> Any:
    """torchvision's r3d_18 in fp32 on the CPU, for inference, with this folder's weights."""
    # torchvision's CUDA package beside PyTorch's for CPUs lacks its box operators, and would not be imported.
    torch.library.register_fake = lambda *_, **__: lambda function: function
    from torchvision.models.video import r3d_18 as make

    network = make(weights=None).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights("r3d_18").items()})
    return network


def normalised(frames: Frames, device: str = "cpu") -> Any:
    """Clips, uint8 [N, T, H, W, 3], to the network's input, float [N, 3, T, H, W], on that device."""
    clip = ClipFormat()
    mean, std = (torch.tensor(each, device=device).view(1, 3, 1, 1, 1) for each in (clip.mean, clip.std))
    return (torch.from_numpy(frames).to(device).permute(0, 4, 1, 2, 3).float() / 255 - mean) / std
