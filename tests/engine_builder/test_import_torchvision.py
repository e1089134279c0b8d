"""torchvision's own networks, exported by PyTorch and imported here: what they say is what PyTorch says."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from engine_builder.imported import ImportOptions, import_onnx
from engine_builder.manifest import INPUT
from engine_builder.sample_clips import made_up_clips

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is missing: pip install '.[torch]'", allow_module_level=True)

import torch

# The CPU build of PyTorch lacks operators that torchvision's compiled part registers shapes for.
with pytest.MonkeyPatch.context() as changed:
    changed.setattr(torch.library, "register_fake", lambda *_, **__: lambda function: function)
    from torchvision.models import video as networks

CLASSES = 5
LABELS = tuple("abcde")
# Kinetics' for the others; torchvision's `MViT_V2_S_Weights` has these.
HALF: dict[str, Any] = {"mean": (0.45, 0.45, 0.45), "std": (0.225, 0.225, 0.225)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore::UserWarning")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "frames", "size", "normalisation"),
    [("s3d", 16, 224, {}), ("mvit_v2_s", 16, 224, HALF), ("r3d_18", 64, 56, {})],
)
def test_it_says_what_pytorch_says(
    tmp_path: Path, name: str, frames: int, size: int, normalisation: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    network = getattr(networks, name)(num_classes=CLASSES).eval()
    path = tmp_path / f"{name}.onnx"
    example = torch.zeros(1, 3, frames, size, size)
    dynamic = {"x": {0: "n"}, "y": {0: "n"}}
    torch.onnx.export(
        network,
        (example,),
        path,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=dynamic,
        dynamo=False,
        do_constant_folding=False,
    )
    manifest = import_onnx(path, tmp_path / "model", ImportOptions(name=name, labels=LABELS, **normalisation))
    assert manifest.clip.shape == (frames, size, size, 3)
    clips = made_up_clips(manifest.clip, 1)
    session = onnxruntime.InferenceSession(tmp_path / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    [found] = session.run(None, {INPUT: clips})
    with torch.inference_mode():
        values = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 255
        mean, std = (torch.tensor(each).view(1, 3, 1, 1, 1) for each in (manifest.clip.mean, manifest.clip.std))
        expected = network((values - mean) / std).softmax(1).numpy()
    assert np.abs(found - expected).max() < 1e-4
