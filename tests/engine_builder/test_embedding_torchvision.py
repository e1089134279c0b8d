"""The embedding is what torchvision's networks have after their global average pooling."""

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine_builder.manifest import ClipFormat, Frames
from engine_builder.reference import full_precision

from ..support.recipe import draw, shapes_of

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is missing: pip install '.[torch]'", allow_module_level=True)

import torch

# The CPU build of PyTorch lacks operators that torchvision's compiled part registers shapes for.
with pytest.MonkeyPatch.context() as changed:
    changed.setattr(torch.library, "register_fake", lambda *_, **__: lambda function: function)
    from torchvision.models import video as networks


def pooled(architecture: str, clip: Frames) -> npt.NDArray[np.float32]:
    """Of a clip [T, H, W, 3]: [512], by PyTorch, with the weights that the golden outputs were made with."""
    network = getattr(networks, architecture)(weights=None).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in draw(shapes_of(architecture)).items()})
    found: list[torch.Tensor] = []
    network.avgpool.register_forward_hook(lambda module, given, pooled: found.append(pooled))
    mean, std = (torch.tensor(each).view(1, 3, 1, 1, 1) for each in (ClipFormat().mean, ClipFormat().std))
    with torch.inference_mode():
        network((torch.from_numpy(clip[None]).permute(0, 4, 1, 2, 3).float() / 255 - mean) / std)
    features: npt.NDArray[np.float32] = found[0].flatten().numpy()
    return features


def test_it_is_what_torchvision_pools(full_size: tuple[str, Path]) -> None:
    architecture, directory = full_size
    clip = np.random.default_rng(0).integers(0, 256, (32, 112, 112, 3), dtype=np.uint8)
    expected = pooled(architecture, clip)
    assert expected.shape == (512,)
    assert expected.max() > 0.1
    found = full_precision(directory / "model.onnx")(clip[None])["embedding"][0]
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-3
