import json
import shutil
from pathlib import Path

import pytest

from engine_builder.manifest import MANIFEST, ClipFormat, Manifest, ManifestError, Sampling, checked_file


@pytest.fixture
def directory(model_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_directory, tmp_path / "model"))


def edit(directory: Path, **changes: object) -> None:
    path = directory / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_saved_is_loaded(directory: Path, manifest: Manifest) -> None:
    manifest.save(directory)
    assert Manifest.load(directory) == manifest


def test_one_of_before_has_no_embeddings(directory: Path, manifest: Manifest) -> None:
    assert manifest.outputs == {"probabilities": 9, "embedding": 64}
    content = json.loads((directory / MANIFEST).read_text())
    del content["embedding"]
    (directory / MANIFEST).write_text(json.dumps(content))
    old = Manifest.load(directory)
    assert old.embedding is None
    assert old.outputs == {"probabilities": 9}


def test_clip_defaults_are_torchvisions() -> None:
    clip = ClipFormat()
    assert (clip.frames, clip.width, clip.height) == (32, 112, 112)
    assert (clip.resize_width, clip.resize_height, clip.left, clip.top) == (171, 128, 30, 8)
    assert clip.mean == (0.43216, 0.394666, 0.37645)
    assert clip.std == (0.22803, 0.22145, 0.216989)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 2}, "format_version"),
        ({"labels": []}, "labels"),
        ({"labels": ["a", "a"]}, "differ"),
        ({"onnx": {}}, "fp32 network is missing"),
        ({"clip": {"frames": 0}}, "clip.frames"),
        ({"clip": {"height": 200}}, "crop is larger"),
        ({"clip": {"std": [1, 0, 1]}}, "std must be positive"),
        ({"surprise": 1}, "surprise"),
        ({"onnx": {"fp32": {"file": "../../etc/passwd", "sha256": "0" * 64}}}, "file"),
    ],
)
def test_a_bad_manifest_is_refused_with_the_reason(directory: Path, changes: dict[str, object], reason: str) -> None:
    edit(directory, **changes)
    with pytest.raises(ManifestError, match=reason):
        Manifest.load(directory)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        Manifest.load(tmp_path)


def test_a_changed_file_is_noticed(directory: Path, manifest: Manifest) -> None:
    entry = manifest.onnx["fp32"]
    assert checked_file(directory, entry) == directory / "model.onnx"
    with (directory / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ManifestError, match="SHA-256"):
        checked_file(directory, entry)
    (directory / "model.onnx").unlink()
    with pytest.raises(ManifestError, match="No such file"):
        checked_file(directory, entry)


def test_a_manifest_of_version_0_1_goes_on_working(directory: Path) -> None:
    """It has no sampling; the frame rate is the clip's."""
    path = directory / MANIFEST
    content = json.loads(path.read_text())
    del content["sampling"]
    content["clip"]["frame_rate"] = 15
    path.write_text(json.dumps(content))
    assert Manifest.load(directory).sampling == Sampling(frame_rate=15)
    content["clip"]["frame_rate"] = None
    path.write_text(json.dumps(content))
    assert Manifest.load(directory).sampling == Sampling()
