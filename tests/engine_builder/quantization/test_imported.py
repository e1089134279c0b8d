"""A network from elsewhere: what is convolution becomes integers, the rest stays as it is."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine_builder.errors import QuantizationError
from engine_builder.imported import ImportOptions, import_onnx
from engine_builder.manifest import OUTPUT, ClipFormat, Manifest
from engine_builder.quantization.qdq import OPSET, quantise
from engine_builder.quantization.ranges import observe
from engine_builder.quantization.targets import convolutions, residual_additions
from engine_builder.reference import full_precision
from engine_builder.sample_clips import made_up_clips

from ...support.programs import finished
from ...support.videos import write_video
from .runtime_types import openvino_types

LABELS = ("a", "b", "c")
OLD = 17  # ReduceMean has its axes as an attribute, which opset 18 knows no more


def network(path: Path, convolved: bool = True, opset: int = OLD, dtype: int = TensorProto.FLOAT) -> Path:
    """Two convolutions without bias share weights, one has a bias far too large for 32 bits; SiLU is nothing we know.

    Not `convolved`: a network of matrix products only, with an addition of two activations.
    """
    rng, kind = np.random.default_rng(0), helper.tensor_dtype_to_np_dtype(dtype)
    constants = {
        "first": rng.standard_normal((4, 3, 1, 3, 3)) / 5,
        "shared": rng.standard_normal((4, 4, 3, 1, 1)) / 4,
        "tiny": rng.standard_normal((4, 4, 1, 1, 1)) * 1e-12,
        "bias": np.ones(4),
        "last": rng.standard_normal((4, 3)),
        "flat": rng.standard_normal((3, 3)),
    }
    same = [1, 0, 0, 1, 0, 0]
    trunk = [
        helper.make_node("Conv", ["x", "first"], ["a"], strides=[1, 2, 2]),
        helper.make_node("Sigmoid", ["a"], ["gate"]),
        helper.make_node("Mul", ["a", "gate"], ["b"]),
        helper.make_node("Conv", ["b", "shared"], ["c"], pads=same),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "shared", ""], ["e"], pads=same),
        helper.make_node("Add", ["e", "b"], ["f"]),
        helper.make_node("Conv", ["f", "tiny", "bias"], ["g"]),
        helper.make_node("Add", ["g", "f"], ["h"]),
    ]
    end = [
        helper.make_node("ReduceMean", ["h" if convolved else "x"], ["i"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("MatMul", ["i", "last" if convolved else "flat"], ["j"]),
        helper.make_node("Tanh", ["j"], ["k"]),
        helper.make_node("Add", ["j", "k"], ["y"]),
    ]
    nodes = [*(trunk if convolved else []), *end]
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "mine",
        [helper.make_tensor_value_info("x", dtype, ["n", 3, 2, 16, 16])],
        [helper.make_tensor_value_info("y", dtype, ["n", 3])],
        [numpy_helper.from_array(values.astype(kind), name) for name, values in constants.items() if name in read],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def imported(folder: Path, **changes: object) -> tuple[onnx.ModelProto, ClipFormat]:
    path = network(folder / "mine.onnx", **changes)  # type: ignore[arg-type]
    manifest = import_onnx(path, folder / "model", ImportOptions(name="x", labels=LABELS))
    return onnx.load(folder / "model" / "model.onnx"), manifest.clip


def test_what_is_convolution_becomes_integers(tmp_path: Path) -> None:
    fp32, clip = imported(tmp_path)
    assert (len(convolutions(fp32.graph)), len(residual_additions(fp32.graph))) == (4, 2)
    clips = made_up_clips(clip, 4)
    int8 = quantise(fp32, observe(fp32, clips, full_precision))
    assert {each.version for each in int8.opset_import} == {OPSET}
    types = openvino_types(int8, clip)
    assert len(types["Convolution"]) == 4
    assert types["Convolution"].count("f32") == 1, "the bias of one fits no integer"
    assert set(types["Convolution"]) <= {"u8", "i8", "f32"}
    reference, integers = full_precision(fp32.SerializeToString()), full_precision(int8.SerializeToString())
    assert 0 < np.abs(integers(clips)[OUTPUT] - reference(clips)[OUTPUT]).max() < 0.05


def test_weights_in_floats_are_kept_only_where_they_are_used(tmp_path: Path) -> None:
    fp32, clip = imported(tmp_path)
    int8 = quantise(fp32, observe(fp32, made_up_clips(clip, 1), full_precision))
    made_by = {output: node.op_type for node in int8.graph.node for output in node.output}
    kept = {tensor.name.removeprefix("network/") for tensor in int8.graph.initializer}
    assert kept.isdisjoint({"first", "shared"})
    assert {"tiny", "bias", "last"} <= kept
    for operator, kinds in (("Tanh", {"MatMul"}), ("Sigmoid", {"Conv"})):
        [node] = [node for node in int8.graph.node if node.op_type == operator]
        assert {made_by[name] for name in node.input} == kinds, "what is not known reads floats"


@pytest.mark.parametrize("changes", [{"convolved": False}, {"dtype": TensorProto.FLOAT16}])
def test_nothing_to_quantise(tmp_path: Path, changes: dict[str, object]) -> None:
    model, clip = imported(tmp_path, **changes)
    with pytest.raises(QuantizationError, match="no convolution of floats with constant weights to put into int8"):
        observe(model, made_up_clips(clip, 1), full_precision)


def test_an_operator_that_no_later_onnx_has(tmp_path: Path) -> None:
    model, clip = imported(tmp_path, opset=13)
    ranges = observe(model, made_up_clips(clip, 1), full_precision)
    model.graph.node.append(helper.make_node("Upsample", ["network/h", "scales"], ["unused"]))
    with pytest.raises(QuantizationError, match=r"opset 13 cannot be converted to 19 \(.*\): export it with opset 19"):
        quantise(model, ranges)


def test_the_command_imports_calibrates_and_verifies(tmp_path: Path) -> None:
    path, model = network(tmp_path / "mine.onnx"), tmp_path / "model"
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    video = write_video(tmp_path / "video.mp4", frames=320)
    arguments = [str(path), "-o", str(model), "--labels", str(tmp_path / "labels.txt"), "--preset", "torchvision"]
    int8 = ["--precision", "int8", "--calibrate", str(video)]
    done = finished("r3d-engine", "import", *arguments, *int8)
    assert done.returncode == 0, done.stderr
    assert "published" in done.stdout
    manifest = Manifest.load(model)
    entry = manifest.onnx["int8"]
    assert entry.calibration is not None
    assert entry.calibration.clips == 100
    assert (manifest.clip.frames, manifest.sampling.clips) == (2, 5), "the graph's frames, the preset's clips"
    network(path, convolved=False)
    refused = finished("r3d-engine", "import", *arguments, *int8)
    assert refused.returncode == 1
    [line] = refused.stderr.strip().splitlines()
    assert line.startswith("r3d-engine: the network has no convolution")


def test_half_precision_is_not_made_of_a_graph(tmp_path: Path) -> None:
    path = network(tmp_path / "mine.onnx")
    done = finished("r3d-engine", "import", str(path), "-o", str(tmp_path / "model"), "--precision", "fp16")
    assert done.returncode == 2
    assert "stays in the precision of its file" in done.stderr
