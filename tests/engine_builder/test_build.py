from pathlib import Path

import numpy as np
import pytest

from engine_builder.build import BuildOptions, build_model, check_labels, read_labels
from engine_builder.errors import BuildError, WtsError
from engine_builder.files import sha256_of
from engine_builder.manifest import Manifest
from engine_builder.wts import write_wts

from ..support.recipe import Tensors, draw, narrow

LABELS = tuple("abcde")
OPTIONS = BuildOptions(name="small", labels=LABELS, precisions=("fp32", "fp16"))


@pytest.fixture
def tensors() -> Tensors:
    return draw(narrow("mc3_18", 16, 5))


@pytest.fixture
def weights(tmp_path: Path, tensors: Tensors) -> Path:
    write_wts(tmp_path / "small.wts", tensors)
    return tmp_path / "small.wts"


def test_a_model_directory_holds_all_it_should(weights: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    manifest = build_model(weights, directory, OPTIONS)
    assert Manifest.load(directory) == manifest
    assert sorted(path.name for path in directory.iterdir()) == ["model.fp16.onnx", "model.json", "model.onnx"]
    assert (manifest.name, manifest.architecture, manifest.labels) == ("small", "mc3_18", LABELS)
    assert manifest.outputs == {"probabilities": 5, "embedding": 32}
    assert manifest.weights_sha256 == sha256_of(weights)
    assert manifest.onnx["fp16"].sha256 == sha256_of(directory / "model.fp16.onnx")


def test_the_same_weights_give_the_same_files(weights: Path, tmp_path: Path) -> None:
    build_model(weights, tmp_path / "one", OPTIONS)
    build_model(weights, tmp_path / "two", OPTIONS)
    for name in ("model.onnx", "model.fp16.onnx", "model.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_misfit_names_line_and_tensor(tensors: Tensors, tmp_path: Path) -> None:
    tensors["layer1.0.conv1.0.weight"] = np.ones(5, np.float32)
    write_wts(tmp_path / "bad.wts", tensors)
    with pytest.raises(WtsError, match="5 values fit no") as caught:
        build_model(tmp_path / "bad.wts", tmp_path / "model", OPTIONS)
    assert caught.value.tensor == "layer1.0.conv1.0.weight"
    lines = (tmp_path / "bad.wts").read_text().splitlines()
    assert lines[caught.value.line - 1].startswith("layer1.0.conv1.0.weight 5 ")
    assert not (tmp_path / "model").exists()


def test_a_failed_build_leaves_the_old_model(weights: Path, tmp_path: Path) -> None:
    before = build_model(weights, tmp_path / "model", OPTIONS)
    with pytest.raises(BuildError, match="4 labels for 5 classes"):
        build_model(weights, tmp_path / "model", BuildOptions(name="x", labels=LABELS[:4]))
    assert Manifest.load(tmp_path / "model") == before


def test_kinetics_labels_come_with_400_classes() -> None:
    labels = check_labels(None, 400)
    assert (len(labels), labels[0], labels[4], labels[-1]) == (400, "abseiling", "applying cream", "zumba")
    with pytest.raises(BuildError, match="--labels"):
        check_labels(None, 5)
    with pytest.raises(BuildError, match="differ"):
        check_labels(("a", "a"), 2)


def test_label_files(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("one\n\n two \n", "utf-8")
    assert read_labels(tmp_path / "labels.txt") == ("one", "two")
    with pytest.raises(BuildError, match="No such file"):
        read_labels(tmp_path / "none.txt")
