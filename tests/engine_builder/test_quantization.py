"""A network of integers: what is in the graph, what it says, and that only a good one is published."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from typer.testing import CliRunner

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.cli import app
from engine_builder.errors import BuildError, QuantizationError, VerificationError
from engine_builder.manifest import ClipFormat, Frames, Manifest, Outputs
from engine_builder.quantization.calibration import ClipSet, videos_in
from engine_builder.quantization.publish import add_int8, judge
from engine_builder.quantization.qdq import Range, quantise, tensors_to_quantise
from engine_builder.quantization.ranges import observe
from engine_builder.reference import full_precision, one_by_one
from engine_builder.sample_clips import made_up_clips
from engine_builder.tensorrt.build import EngineOptions, Runtime
from engine_builder.tensorrt.publish import add_engine
from engine_builder.verify import compare

from .serving_stub import ServingStub

CLIP, SHORT = ClipFormat(), ClipFormat(frames=2)
CONVOLUTIONS = 20


@pytest.fixture(scope="module")
def fp32(model_directory: Path) -> onnx.ModelProto:
    return onnx.load(model_directory / "model.onnx")


@pytest.fixture(scope="module")
def clips() -> Frames:
    return made_up_clips(CLIP, 6)


@pytest.fixture(scope="module")
def ranges(fp32: onnx.ModelProto, clips: Frames) -> dict[str, Range]:
    return observe(fp32, clips[:4], full_precision)


@pytest.fixture(scope="module")
def int8(fp32: onnx.ModelProto, ranges: dict[str, Range]) -> onnx.ModelProto:
    return quantise(fp32, ranges)


def test_ranges_are_those_of_the_activations(fp32: onnx.ModelProto, clips: Frames, ranges: dict[str, Range]) -> None:
    name = tensors_to_quantise(fp32)[3]
    watched = onnx.ModelProto()
    watched.CopyFrom(fp32)
    watched.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    run = full_precision(watched.SerializeToString())
    values = np.stack([run(clip[None])[name] for clip in clips[:4]])
    assert ranges[name].low == pytest.approx(values.min(), rel=1e-6)
    assert ranges[name].high == pytest.approx(values.max(), rel=1e-6)


def test_every_convolution_and_addition_reads_integers(int8: onnx.ModelProto) -> None:
    made_by = {output: node for node in int8.graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in int8.graph.initializer}
    convolutions = [node for node in int8.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == CONVOLUTIONS
    for node in convolutions:
        assert [made_by[name].op_type for name in node.input] == ["DequantizeLinear"] * 3
        weights, bias = (constants[made_by[name].input[0]] for name in node.input[1:])
        assert (weights.data_type, bias.data_type) == (onnx.TensorProto.INT8, onnx.TensorProto.INT32)
    additions = [
        node
        for node in int8.graph.node
        if node.op_type == "Add" and all(made_by[name].op_type == "DequantizeLinear" for name in node.input)
    ]
    assert len(additions) == 8  # one for each block


def test_zero_is_exact_and_behind_a_relu_the_smallest(int8: onnx.ModelProto, fp32: onnx.ModelProto) -> None:
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in int8.graph.initializer}
    behind_relu = {node.output[0] for node in fp32.graph.node if node.op_type == "Relu"}
    zeros = {name: int(constants[f"{name}.zero_point"]) for name in tensors_to_quantise(fp32)}
    assert {zero for name, zero in zeros.items() if name in behind_relu} == {0}
    assert all(0 < zero < 255 for name, zero in zeros.items() if name not in behind_relu)


def test_both_runtimes_say_the_same_and_nearly_what_fp32_says(
    fp32: onnx.ModelProto, int8: onnx.ModelProto, clips: Frames
) -> None:
    integers, expected = (one_by_one(full_precision(each.SerializeToString()), clips) for each in (int8, fp32))
    measured = compare(integers, expected)
    assert measured.max_abs_difference < 0.15
    assert measured.max_embedding_distance is not None
    assert 0 < measured.max_embedding_distance < 0.3


def test_openvino_computes_every_convolution_in_integers(int8: onnx.ModelProto, tmp_path: Path) -> None:
    import openvino

    (tmp_path / "model.onnx").write_bytes(int8.SerializeToString())
    core = openvino.Core()
    network = core.read_model(tmp_path / "model.onnx")
    network.reshape([1, *CLIP.shape])
    runtime = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).get_runtime_model()
    types = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in runtime.get_ordered_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    assert len(types) == CONVOLUTIONS
    assert set(types) <= {"u8", "i8"}


@pytest.mark.parametrize("bad", [Range(0.0, float("inf")), Range(float("-inf"), 1.0), Range(0.0, float("nan"))])
def test_a_range_that_makes_no_scale(fp32: onnx.ModelProto, ranges: dict[str, Range], bad: Range) -> None:
    name = tensors_to_quantise(fp32)[0]
    with pytest.raises(QuantizationError, match=name):
        quantise(fp32, {**ranges, name: bad})


def outputs(*row: float, embedding: float = 1.0, clips: int = 50) -> Outputs:
    return Outputs(np.array([row] * clips, np.float32), np.full((clips, 4), embedding, np.float32))


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ((0.82, 0.18), None),
        ((0.45, 0.55), "50 of 50 clips of which fp32 is sure get another label"),
        ((0.60, 0.40), "differ by up to 0.2; 0.15 is allowed"),
        ((float("nan"), 0.5), "50 values are no numbers"),
    ],
)
def test_what_is_good_enough(found: tuple[float, ...], fault: str | None) -> None:
    judgement = judge(outputs(*found), outputs(0.8, 0.2))
    assert (not judgement.faults) if fault is None else any(fault in each for each in judgement.faults)


def test_where_fp32_is_unsure_another_label_is_no_fault() -> None:
    assert judge(outputs(0.49, 0.51), outputs(0.52, 0.48)).faults == ()


def test_an_embedding_that_is_far_off_is_a_fault() -> None:
    assert judge(outputs(0.8, 0.2, embedding=1.2), outputs(0.8, 0.2)).faults == ()
    [fault] = judge(outputs(0.8, 0.2, embedding=1.4), outputs(0.8, 0.2)).faults
    assert fault == "embeddings are off by up to 40.0% of their length; 30.0% is allowed"


def test_too_few_clips_to_judge_by_are_counted() -> None:
    [fault] = judge(outputs(1.0, 0.0, clips=9), outputs(1.0, 0.0, clips=9)).faults
    assert fault.startswith("9 clips are held out to judge it by, 41 are missing")


class Clips(ServingStub):
    """A service that gives ready clips for every video."""

    def __init__(self, clips: Frames) -> None:
        super().__init__()
        self._ready = clips

    def clips(self, video: Path, clip: ClipFormat, limit: int) -> Frames:
        if video.suffix == ".bad":
            raise VerificationError(f"{video}: not a video")
        return self._ready[:limit]


def test_calibration_and_judgement_share_no_clip() -> None:
    ready = np.arange(30, dtype=np.uint8)[:, None, None, None, None] * np.ones((1, 2, 4, 4, 3), np.uint8)
    chosen = ClipSet(Clips(ready), [Path("a"), Path("b.bad")], CLIP)
    calibrated = [int(clip.max()) for clip in chosen]
    held_out = [int(clip.max()) for clip in chosen.held_out]
    assert sorted(calibrated + held_out) == list(range(30))
    assert held_out == list(range(2, 30, 3))
    assert chosen.skipped == ["b.bad: not a video"]
    again = ClipSet(Clips(ready), [Path("a")], CLIP)
    list(again)
    assert chosen.sha256 == again.sha256
    other = ClipSet(Clips(ready[::-1]), [Path("a")], CLIP)
    list(other)
    assert other.sha256 != chosen.sha256


def test_videos_are_named_in_folders_and_lists(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.mp4", "a.mp4"):
        (folder / name).touch()
    (tmp_path / "list.txt").write_text(f"{folder}/a.mp4\n\nc.mp4\n")
    assert videos_in([folder, tmp_path / "list.txt"]) == [folder / "a.mp4", folder / "b.mp4", Path("c.mp4")]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The bundled network for clips of two frames: the same graph, an eighth of the work."""
    options = BuildOptions("camera-motion", clip=SHORT, labels=read_labels(LABELS))
    build_model(WEIGHTS, tmp_path / "model", options)
    return tmp_path / "model"


@pytest.fixture(scope="module")
def many() -> Frames:
    """Enough to calibrate and to judge."""
    return np.concatenate([made_up_clips(SHORT, 6)] * 25)


@pytest.mark.parametrize("missing", ["openvino", "onnxruntime"])
def test_a_good_network_is_published_with_its_figures(
    missing: str, directory: Path, many: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With either runtime as the yardstick."""
    monkeypatch.setitem(sys.modules, missing, None)
    entry = add_int8(directory, [Path("a")], Clips(many))
    kept = Manifest.load(directory).onnx["int8"]
    assert kept == entry
    assert kept.verification is not None
    assert kept.calibration is not None
    assert kept.verification.max_embedding_distance is not None
    assert (kept.verification.clips, kept.calibration.clips) == (50, 100)
    assert (directory / kept.file).exists()


def test_a_bad_network_is_not_published(directory: Path, many: Frames) -> None:
    before = (directory / "model.json").read_text()
    with pytest.raises(VerificationError, match=r"the int8 network is not published: .* are missing"):
        add_int8(directory, [Path("a")], Clips(many[:6]))
    with pytest.raises(VerificationError, match="1e-05 is allowed"):
        add_int8(directory, [Path("a")], Clips(many), max_difference=1e-5)
    assert (directory / "model.json").read_text() == before
    assert not (directory / "model.int8.onnx").exists()


def test_no_tensorrt_engine_is_made_of_it(directory: Path) -> None:
    with pytest.raises(BuildError, match="TensorRT has no uint8 activations"):
        add_engine(directory, "int8", EngineOptions(Runtime.TENSORRT_RTX), None)


def test_the_command_asks_for_videos_to_calibrate_with(directory: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.wts"
    weights.touch()
    done = CliRunner().invoke(app, ["build", str(weights), "-o", str(tmp_path / "out"), "--precision", "int8"])
    assert done.exit_code == 2
    assert "--calibrate" in done.output


def test_the_manifest_of_before_still_loads(directory: Path) -> None:
    """As version 0.1 wrote it, and as this one still does for what is not quantised."""
    manifest = json.loads((directory / "model.json").read_text())
    assert set(manifest["onnx"]["fp32"]) == {"file", "sha256"}
    assert Manifest.load(directory).onnx["fp32"].calibration is None
