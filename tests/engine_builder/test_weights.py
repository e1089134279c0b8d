"""Every kind of file that `build`, `fetch` and `export` take, by command, where PyTorch cannot be imported."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.errors import CheckpointError, WtsError
from engine_builder.manifest import Manifest
from engine_builder.weights import read_weights
from engine_builder.wts import read_wts, write_wts

from ..support.checkpoints import needs_torch, published_like, torch_state
from ..support.recipe import ARCHITECTURES, Tensors, draw, narrow

WITHOUT_TORCH = "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None;"


def engine(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    script = f"{WITHOUT_TORCH} from engine_builder.cli import main; main()"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment
    )


@pytest.fixture
def tensors() -> Tensors:
    return draw(narrow("r2plus1d_18", 16, 3))


@needs_torch
@pytest.mark.parametrize("name", ["new.pth", "old.pt", "file.safetensors", "file.wts", "wts.txt"])
def test_build_takes_every_format_and_makes_the_same_network(tensors: Tensors, tmp_path: Path, name: str) -> None:
    import torch
    from safetensors.torch import save_file

    state = {f"module.{key}": value for key, value in torch_state(tensors).items()} | {"loss.weight": torch.ones(2)}
    torch.save({"net": state}, tmp_path / "new.pth")
    torch.save({"net": state}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "file.safetensors")
    for text in ("file.wts", "wts.txt"):
        write_wts(tmp_path / text, tensors)
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    done = engine("build", tmp_path / name, "-o", tmp_path / "model", "--labels", tmp_path / "labels.txt")
    assert done.returncode == 0, done.stderr
    assert ("ignored: " in done.stdout) == ("wts" not in name)
    assert ("loss.weight" in done.stdout) == ("wts" not in name)
    expected = build_model(tmp_path / "file.wts", tmp_path / "expected", BuildOptions("model", labels=("a", "b", "c")))
    assert Manifest.load(tmp_path / "model").onnx == expected.onnx


@needs_torch
def test_export_writes_a_checkpoint_as_wts(tensors: Tensors, tmp_path: Path) -> None:
    import torch

    torch.save({"state_dict": torch_state(tensors), "epoch": 7}, tmp_path / "fine.pth")
    output = tmp_path / "fine.wts"
    arguments = ("export", "r2plus1d_18", "-o", output, "--checkpoint", tmp_path / "fine.pth")
    done = engine(*arguments)
    assert done.returncode == 0, done.stderr
    written = read_wts(output)
    assert list(written) == list(tensors)
    for key, values in tensors.items():
        assert written[key].tobytes() == values.tobytes()
    other = engine("export", "r3d_18", "-o", output, "--checkpoint", tmp_path / "fine.pth")
    assert other.stderr == "r3d-engine: these are the weights of r2plus1d_18, not r3d_18\n"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_fetch_and_export_of_published_weights(tmp_path: Path, architecture: str) -> None:
    weights = published_like(tmp_path, architecture)
    place = {"R3D_WEIGHTS_URL": str(weights), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    model = tmp_path / "model"
    done = engine("fetch", architecture, "-o", model, **place)
    assert (done.returncode, done.stdout) == (0, f"{model}\n"), done.stderr
    manifest = Manifest.load(model)
    assert (manifest.name, manifest.architecture, len(manifest.labels)) == (architecture, architecture, 400)
    assert manifest.labels[0] == "abseiling"
    weights.unlink()
    assert engine("export", architecture, "-o", tmp_path / "out.wts", **place).returncode == 0
    assert read_wts(tmp_path / "out.wts")["fc.bias"].size == 400


def test_a_directory_that_cannot_be_made_gets_one_sentence(tmp_path: Path) -> None:
    weights = published_like(tmp_path)
    done = engine("build", weights, "-o", weights / "model")
    assert (done.returncode, done.stderr) == (1, f"r3d-engine: {weights}/model: Not a directory\n")


def test_a_full_disk_while_building_gets_one_sentence(tmp_path: Path) -> None:
    """A limit on file size fails like a full disk."""
    weights = published_like(tmp_path)
    limit = weights.stat().st_size // 2
    command = [sys.executable, "-m", "engine_builder", "build", str(weights), "-o", str(tmp_path / "model")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert done.stderr == f"r3d-engine: {tmp_path}/model/model.onnx: {os.strerror(errno.EFBIG)}\n"
    assert not (tmp_path / "model" / "model.json").exists()


def test_a_file_that_is_no_checkpoint_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<html>Not found</html>")
    done = engine("build", tmp_path / "page.pth", "-o", tmp_path / "model")
    assert done.returncode == 1
    assert done.stderr == (
        f"r3d-engine: {tmp_path}/page.pth: text, not a checkpoint: .pth and .pt files of torch.save, .safetensors and "
        ".wts are read\n"
    )


def test_errors_name_the_line_of_a_wts_file_and_the_key_of_a_checkpoint(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tensors = draw(narrow("r3d_18", 16, 3))
    tensors["fc.bias"] = np.zeros(4, np.float32)
    write_wts(tmp_path / "file.wts", tensors)
    save_file({f"net.{key}": values for key, values in tensors.items()}, tmp_path / "file.safetensors")
    line = list(tensors).index("fc.weight") + 2
    with pytest.raises(WtsError, match=f"line {line}, tensor 'fc.weight'"):
        read_weights(tmp_path / "file.wts")
    with pytest.raises(CheckpointError, match=r"key 'net.fc.weight': .* 4 classes takes .*; found: net\.\*"):
        read_weights(tmp_path / "file.safetensors")


def test_shapes_are_checked_where_the_file_has_them(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    tensors = draw(narrow("r3d_18", 16, 3))
    tensors["stem.0.weight"] = np.ascontiguousarray(np.moveaxis(tensors["stem.0.weight"], 2, -1))
    save_file(tensors, tmp_path / "file.safetensors")
    with pytest.raises(CheckpointError, match=r"'stem.0.weight': shape \(4, 3, 7, 7, 3\), expected \(4, 3, 3, 7, 7\)"):
        read_weights(tmp_path / "file.safetensors")
