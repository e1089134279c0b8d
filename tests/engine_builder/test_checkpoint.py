import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.checkpoint import check, load_checkpoint, unwrap
from engine_builder.errors import CheckpointError
from engine_builder.wts import read_wts

from ..support.recipe import Tensors, draw, narrow, shapes_of

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is missing: pip install '.[torch]'"
)


class Numbers:
    """As much of a tensor as a check of keys and shapes needs."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def numel(self) -> int:
        return int(np.prod(self.shape))


class Attack:
    """Unpickling it makes a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.directory),)


def state(**changes: Numbers) -> dict[str, Any]:
    return {name: Numbers(*shape) for name, shape in shapes_of("mc3_18").items()} | changes


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
def test_wrappers_and_prefixes_are_taken_off(prefix: str, wrapper: str | None) -> None:
    content: dict[str, Any] = {f"{prefix}{name}": value for name, value in state().items()}
    found = unwrap(content if wrapper is None else {wrapper: content, "epoch": 3})
    assert list(found) == list(shapes_of("mc3_18"))


@pytest.mark.parametrize("content", [None, 3, {}, [1]])
def test_what_is_no_state_dict(content: object) -> None:
    with pytest.raises(CheckpointError, match="no state dict"):
        unwrap(content)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"head.weight": Numbers(3)}, "'head.weight': no video network"),
        ({"fc.bias": Numbers(399)}, "'fc.weight': .*399 classes"),
        ({"layer1.0.conv1.0.weight": Numbers(64, 64, 3, 9, 2)}, "fit no"),
        ({"stem.0.weight": Numbers(64, 3, 7, 7, 3)}, r"'stem.0.weight': shape \(64, 3, 7, 7, 3\), expected"),
        ({"stem.0.weight": 3}, "'stem.0.weight': a int, not a tensor"),
    ],
)
def test_the_wrong_key_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        check(state(**changes), "mc3_18")


def test_another_architecture_is_named() -> None:
    with pytest.raises(CheckpointError, match="weights of mc3_18, not r3d_18"):
        check(state(), "r3d_18")


def test_a_missing_key_is_named() -> None:
    found = state()
    del found["layer4.1.conv2.0.weight"]
    with pytest.raises(CheckpointError, match=r"'layer4\.1\.conv2\.0\.weight': missing"):
        check(found, "mc3_18")


@pytest.fixture
def tensors() -> Tensors:
    return draw(narrow("r3d_18", 16, 3))


@needs_torch
def test_a_checkpoint_to_wts_by_command(tmp_path: Path, tensors: Tensors) -> None:
    import torch

    saved = {f"module.{name}": torch.from_numpy(values) for name, values in tensors.items()}
    torch.save({"state_dict": saved, "epoch": 7}, tmp_path / "fine.pth")
    output = tmp_path / "fine.wts"
    command = [sys.executable, "-m", "engine_builder", "export", "r3d_18", "-o", str(output)]
    subprocess.run([*command, "--checkpoint", str(tmp_path / "fine.pth")], check=True, capture_output=True)
    written = read_wts(output)
    assert list(written) == list(tensors)
    for name, values in tensors.items():
        assert written[name].tobytes() == values.tobytes()


@needs_torch
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(pickle.dumps(Attack(tmp_path / "attacked"), protocol=2))
    with pytest.raises(CheckpointError, match="read safely"):
        load_checkpoint(tmp_path / "bad.pth", "r3d_18")
    assert not (tmp_path / "attacked").exists()


@needs_torch
def test_pretrained_weights_through_torchvision(tmp_path: Path, tensors: Tensors) -> None:
    """torchvision finds what it would have downloaded, here a narrow network, in its cache; all else is real."""
    import torch

    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save({name: torch.from_numpy(values) for name, values in tensors.items()}, cache / "r3d_18-b3b3357e.pth")
    # The CPU build of PyTorch lacks operators that torchvision's compiled part registers shapes for.
    script = (
        "import torch; torch.library.register_fake = lambda *a, **k: (lambda f: f);"
        "from engine_builder.cli import main; main()"
    )
    output = tmp_path / "r3d_18.wts"
    command = [sys.executable, "-c", script, "export", "r3d_18", "-o", str(output)]
    done = subprocess.run(
        command, env=os.environ | {"TORCH_HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = read_wts(output)
    assert list(written) == list(tensors)
    assert written["layer4.1.conv2.0.weight"].tobytes() == tensors["layer4.1.conv2.0.weight"].tobytes()
