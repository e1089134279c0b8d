"""Files that PyTorch and safetensors write, read without them."""

import argparse
import collections
import pathlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.checkpoints.load import Checkpoint, load_checkpoint
from engine_builder.errors import CheckpointError

from ...support.checkpoints import needs_torch, torch_state
from ...support.recipe import Tensors, draw, narrow

pytestmark = needs_torch
NEW_OLD = pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])


@pytest.fixture
def tensors() -> Tensors:
    return draw(narrow("r3d_18", 16, 3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.pth"


def save(content: object, path: Path, new: bool = True) -> None:
    import torch

    torch.save(content, path, _use_new_zipfile_serialization=new)


def assert_same(found: Checkpoint, expected: Tensors) -> None:
    assert list(found.tensors) == list(expected)
    for name, values in expected.items():
        assert found.tensors[name].dtype == np.float32
        assert found.tensors[name].tobytes() == values.reshape(-1).tobytes(), name


@NEW_OLD
def test_a_state_dict(tensors: Tensors, path: Path, new: bool) -> None:
    save(torch_state(tensors), path, new)
    found = load_checkpoint(path)
    assert_same(found, tensors)
    assert (found.network.architecture, found.network.classes, found.ignored) == ("r3d_18", 3, ())


@NEW_OLD
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_precisions(tensors: Tensors, path: Path, new: bool, kind: str) -> None:
    import torch

    state = {name: value.to(getattr(torch, kind)) for name, value in torch_state(tensors).items()}
    state["stem.1.num_batches_tracked"] = torch.tensor(7, dtype=torch.int64)
    save(state, path, new)
    assert_same(load_checkpoint(path), {name: value.float().numpy() for name, value in state.items()})


@NEW_OLD
def test_shared_offset_strided_and_repeated_storages(tensors: Tensors, path: Path, new: bool) -> None:
    """As of weights that were tied, sliced, transposed or expanded: one storage and several views of it."""
    import torch

    state = torch_state(tensors)
    weight = state["stem.0.weight"]
    state["stem.0.weight"] = weight.permute(4, 3, 2, 1, 0).contiguous().permute(4, 3, 2, 1, 0)
    both = torch.arange(100, dtype=torch.float32)
    width = len(state["stem.1.bias"])
    state["stem.1.bias"], state["stem.1.running_mean"] = both[3 : 3 + width], both[1 : 1 + 2 * width : 2]
    state["stem.1.weight"] = torch.ones(1).expand(width)
    assert not state["stem.0.weight"].is_contiguous()
    save(state, path, new)
    assert_same(load_checkpoint(path), {name: value.numpy() for name, value in state.items()})


@NEW_OLD
def test_parameters_and_what_training_saves_beside_them(tensors: Tensors, path: Path, new: bool) -> None:
    import torch

    linear = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(linear.parameters())
    linear(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    parameters: dict[str, Any] = {name: torch.nn.Parameter(value) for name, value in torch_state(tensors).items()}
    parameters["fc.weight"].decay = 1
    parameters["fc.bias"] = parameters["fc.bias"].data
    parameters["fc.bias"].mark = 1
    content = {
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("out")),
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "best": np.float64(0.5),
        "rng": np.random.default_rng(0).integers(0, 9, 9),
        "history": collections.defaultdict(list, {"loss": [1.0]}),
        "size": torch.Size([1, 2]),
        "kind": torch.float16,
        "device": torch.device("cpu"),
        "odd": torch.zeros(2, dtype=torch.uint16),
        "names": {"a", "b"},
        "model": collections.OrderedDict(parameters),
    }
    save(content, path, new)
    found = load_checkpoint(path)
    assert_same(found, tensors)
    assert "optimizer.state.0.exp_avg" in found.ignored


def test_a_modules_own_state_dict(path: Path) -> None:
    """With the `_metadata` that PyTorch hangs on it, of a network wrapped twice."""
    import torch
    from torch import nn

    stem = nn.Sequential(nn.Conv3d(3, 4, (3, 7, 7), bias=False), nn.BatchNorm3d(4))
    state = nn.ModuleDict({"module": nn.ModuleDict({"net": nn.ModuleDict({"stem": stem})})}).state_dict()
    assert state._metadata
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"'layer1.0.conv1.1.weight': missing; found: module"):
        load_checkpoint(path)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_safetensors(tensors: Tensors, tmp_path: Path, kind: str) -> None:
    import torch
    from safetensors.torch import save_file

    state = {name: value.to(getattr(torch, kind)) for name, value in torch_state(tensors).items()}
    save_file({f"module.{name}": value for name, value in state.items()}, tmp_path / "file.safetensors")
    found = load_checkpoint(tmp_path / "file.safetensors")
    assert {name: values.tolist() for name, values in found.tensors.items()} == {
        name: value.float().flatten().tolist() for name, value in state.items()
    }


def test_big_endian_files(tensors: Tensors, path: Path, tmp_path: Path) -> None:
    save(torch_state(tensors), tmp_path / "little.pth")
    with zipfile.ZipFile(tmp_path / "little.pth") as little, zipfile.ZipFile(path, "w") as big:
        for name in little.namelist():
            content = little.read(name)
            if "/data/" in name:
                content = np.frombuffer(content, "<f4").astype(">f4").tobytes()
            big.writestr(name, b"big" if name.endswith("/byteorder") else content)
    assert_same(load_checkpoint(path), tensors)


def test_checksums_that_were_left_out(tensors: Tensors, path: Path) -> None:
    import torch

    torch.serialization.set_crc32_options(False)
    try:
        save(torch_state(tensors), path)
    finally:
        torch.serialization.set_crc32_options(True)
    with zipfile.ZipFile(path) as archive:
        assert {record.CRC for record in archive.infolist()} == {0}
    assert_same(load_checkpoint(path), tensors)


def test_damaged_numbers_are_found_by_their_checksum(tensors: Tensors, path: Path) -> None:
    save(torch_state(tensors), path)
    content = bytearray(path.read_bytes())
    content[content.index(tensors["stem.0.weight"].tobytes()) + 8] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged or truncated: Bad CRC-32"):
        load_checkpoint(path)


@NEW_OLD
def test_values_that_are_no_numbers(tensors: Tensors, path: Path, new: bool) -> None:
    tensors["fc.bias"][1] = np.nan
    save({f"net.{name}": value for name, value in torch_state(tensors).items()}, path, new)
    with pytest.raises(CheckpointError, match=r"'net.fc.bias': value 1 is nan"):
        load_checkpoint(path)


@NEW_OLD
def test_whole_models_are_refused(path: Path, new: bool) -> None:
    import torch

    save(torch.nn.Linear(2, 2), path, new)
    with pytest.raises(CheckpointError, match=r"save those alone: torch\.save\(model\.state_dict\(\), FILE\)"):
        load_checkpoint(path)


def test_torchscript_archives_are_refused(path: Path) -> None:
    import torch

    with pytest.warns(DeprecationWarning, match="jit"):
        script = torch.jit.script(torch.nn.Linear(2, 2))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _records(script, path.with_name("script.pt")).items():
            archive.writestr(name, content)
    with pytest.raises(CheckpointError, match=r"TorchScript archive: .*state_dict"):
        load_checkpoint(path)


def _records(script: Any, path: Path) -> dict[str, bytes]:
    script.save(str(path))
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"<html>Not found</html>", "text, not a checkpoint"),
        (b"2\na 1 3f800000\nb 1 3f800000\n", "a .wts file already"),
        (b"\x7fELF\0\0\0\0\0\0", "binary data, not a checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x80\x04N.", "save its state dict anew"),
        (b"PK\x03\x04" + bytes(100), "damaged or truncated"),
        (b"\x10\0\0\0\0\0\0\0{", "not a good safetensors file"),
    ],
)
def test_other_files_get_one_sentence(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=said) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_other_zip_archives(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<xml/>")
    with pytest.raises(CheckpointError, match=r"not one that torch\.save makes"):
        load_checkpoint(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        load_checkpoint(tmp_path / "none.pth")
