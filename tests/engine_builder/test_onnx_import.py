from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine_builder.build import read_labels
from engine_builder.errors import BuildError, OnnxImportError, VerificationError
from engine_builder.imported import ImportOptions, import_onnx
from engine_builder.manifest import INPUT, OUTPUT, ClipFormat, Manifest
from engine_builder.onnx_import import PERMUTATIONS
from engine_builder.sample_clips import made_up_clips

from ..support.programs import finished
from ..support.videos import write_video

FIRST, SECOND = PERMUTATIONS
LABELS = ("a", "b", "c")
OPTIONS = ImportOptions(name="mine", labels=LABELS)
SIZES = (4, 16, 24)  # frames, height, width


def network(
    path: Path,
    layout: str = FIRST,
    batch: str | int = "n",
    sizes: tuple[Any, ...] = SIZES,
    softmax: bool = False,
    dtype: int = TensorProto.FLOAT,
    opset: int = 17,
    flat: str | int = 0,
    scale: float = 1.0,
) -> Path:
    """Sums over thirds of the picture's colours, weighed by time and place, so that any mixing-up shows."""
    order = PERMUTATIONS[layout]
    shape = [batch, *([*sizes, 3][axis - 1] for axis in order[1:])]
    rng = np.random.default_rng(0)
    numbers = 3 * np.prod(SIZES)
    weight = (rng.standard_normal((int(numbers), 3)) * scale / 20).astype(helper.tensor_dtype_to_np_dtype(dtype))
    nodes = [
        helper.make_node("Reshape", ["frames", "shape"], ["floats"]),  # one of our own names, for something else
        helper.make_node("MatMul", ["floats", "weight"], ["sums"]),
        helper.make_node("Softmax" if softmax else "Identity", ["sums"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mine",
        [helper.make_tensor_value_info("frames", dtype, shape)],
        [helper.make_tensor_value_info("probabilities", dtype, [batch, 3])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.array([flat, numbers]), "shape")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def run(model: Path, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {name: values})[0])


@pytest.mark.parametrize("layout", PERMUTATIONS)
@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.FLOAT16])
@pytest.mark.parametrize("softmax", [False, True])
def test_the_wrapped_network_says_what_the_original_does(
    tmp_path: Path, layout: str, dtype: int, softmax: bool
) -> None:
    path = network(tmp_path / "mine.onnx", layout, dtype=dtype, softmax=softmax)
    manifest = import_onnx(path, tmp_path / "model", OPTIONS)
    assert Manifest.load(tmp_path / "model") == manifest
    clip = manifest.clip
    assert clip.shape == (4, 16, 24, 3)
    assert (clip.resize_height, clip.resize_width) == (18, 27)
    assert (manifest.name, manifest.architecture, manifest.labels) == ("mine", "mine", LABELS)
    clips = made_up_clips(clip, 5)
    values = (clips / 255 - np.array(clip.mean)) / np.array(clip.std)
    given = run(path, "frames", values.transpose(PERMUTATIONS[layout]).astype(helper.tensor_dtype_to_np_dtype(dtype)))
    powers = np.exp(given.astype(np.float64))
    expected = given if softmax else powers / powers.sum(1, keepdims=True)
    found = run(tmp_path / "model" / "model.onnx", INPUT, clips)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < (1e-5 if dtype == TensorProto.FLOAT else 1e-2)
    assert np.ptp(found, axis=0).max() > 0.01  # the clips differ, or nothing would be shown
    session = onnx.load(tmp_path / "model" / "model.onnx")
    assert [each.name for each in (session.graph.input[0], session.graph.output[0])] == [INPUT, OUTPUT]


def test_another_mean_and_size(tmp_path: Path) -> None:
    path = network(tmp_path / "mine.onnx", sizes=("t", "h", "w"), flat=-1)
    weights: dict[str, Any] = {"mean": (0.45, 0.45, 0.45), "std": (0.225, 0.225, 0.225)}
    clip = ClipFormat(frames=6, height=16, width=16, resize_height=20, resize_width=30, **weights)
    options = ImportOptions(name="x", labels=LABELS, frames=6, size=16, resize=(30, 20), **weights)
    assert np.prod(SIZES) == 6 * 16 * 16
    assert import_onnx(path, tmp_path / "model", options).clip == clip


@pytest.mark.parametrize(
    ("changes", "options", "reason"),
    [
        ({"batch": 1, "flat": 1}, {}, "takes no batch of 2 clips: export it with a dynamic first dimension"),
        ({"opset": 12}, {}, "opset 12; export it with 13 or later"),
        ({"sizes": ("t", 16, 24)}, {}, "name them with --frames"),
        ({"sizes": (4, "h", "w")}, {}, "name them with --size"),
        ({}, {"frames": 8}, "the graph takes 4, not --frames 8"),
        ({}, {"size": 32}, "the graph takes 16, not --size 32"),
        ({}, {"resize": (20, 20)}, "the crop is larger than the resized frame"),
        ({}, {"std": (0.0, 1.0, 1.0)}, "std must be positive"),
        ({}, {"labels": ("a", "b")}, "2 labels for 3 classes"),
        ({}, {"labels": None}, "name them with --labels"),
        ({"scale": np.inf}, {}, "values that are no numbers"),
    ],
)
def test_what_cannot_be_wrapped_says_why(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    path = network(tmp_path / "mine.onnx", **changes)
    asked = {"name": "x", "labels": LABELS} | options
    with pytest.raises(BuildError, match=reason), np.errstate(all="ignore"):
        import_onnx(path, tmp_path / "model", ImportOptions(**asked))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("content", [b"", b"x", b"a text\n" * 99])
def test_what_is_no_network(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(OnnxImportError, match=r"x\.onnx: not an ONNX network"):
        import_onnx(tmp_path / "x.onnx", tmp_path / "model", OPTIONS)


def test_other_inputs_and_outputs(tmp_path: Path) -> None:
    model = onnx.load(network(tmp_path / "a.onnx"))
    model.graph.output.append(helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["n", 3]))
    onnx.save(model, tmp_path / "two.onnx")
    with pytest.raises(OnnxImportError, match="1 inputs and 2 outputs"):
        import_onnx(tmp_path / "two.onnx", tmp_path / "model", OPTIONS)
    picture = network(tmp_path / "b.onnx", sizes=(4, 16, 24), layout=FIRST)
    model = onnx.load(picture)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    onnx.save(model, picture)
    with pytest.raises(OnnxImportError, match=r"from \? x 4 x 4 x 16 x 24 to \? x 3, not from N x 3 x T"):
        import_onnx(picture, tmp_path / "model", OPTIONS)


def test_a_difference_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the graph in front normalised otherwise than what is compared with."""
    monkeypatch.setattr("engine_builder.onnx_import._back", _wrong_back)
    with pytest.raises(VerificationError, match="differs from the original"):
        import_onnx(network(tmp_path / "mine.onnx"), tmp_path / "model", OPTIONS)
    assert not (tmp_path / "model").exists()


def _wrong_back(network: onnx.ModelProto, classes: int, softmax: bool) -> onnx.GraphProto:
    assert softmax
    nodes = [helper.make_node("Identity", ["given"], [OUTPUT])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", classes]) for name in ("given", OUTPUT)]
    return helper.make_graph(nodes, "back", ends[:1], ends[1:])


def test_imported_by_command_then_verified_and_classified(tmp_path: Path) -> None:
    path = network(tmp_path / "mine.onnx")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    assert read_labels(tmp_path / "labels.txt") == LABELS
    arguments = ["-o", str(tmp_path / "model"), "--labels", str(tmp_path / "labels.txt"), "--resize", "30x20"]
    done = finished("r3d-engine", "import", str(path), *arguments, "--mean", "0.4,0.5,0.6", "--frames", "4")
    assert done.returncode == 0, done.stderr
    assert "mine, 4 frames of 24 x 16, 3 classes, verified" in done.stdout
    assert Manifest.load(tmp_path / "model").clip.mean == (0.4, 0.5, 0.6)
    video = str(write_video(tmp_path / "video.mp4", frames=10))
    verified = finished("r3d-engine", "verify", str(tmp_path / "model"), video)
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.count("good") >= 2
    answer = finished("r3d-classify", "--json", "--model", str(tmp_path / "model"), video)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(("option", "value"), [("--resize", "1x"), ("--mean", "1,2"), ("--std", "a,b,c")])
def test_bad_options(tmp_path: Path, option: str, value: str) -> None:
    done = finished("r3d-engine", "import", str(network(tmp_path / "m.onnx")), "-o", str(tmp_path / "o"), option, value)
    assert done.returncode == 2
