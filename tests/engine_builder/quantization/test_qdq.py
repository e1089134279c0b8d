"""A network of integers: what is in the graph, and what it says."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from engine_builder.build import BuildOptions, build_model
from engine_builder.errors import QuantizationError
from engine_builder.manifest import ClipFormat, Frames
from engine_builder.quantization.qdq import Range, quantise
from engine_builder.quantization.ranges import observe
from engine_builder.quantization.targets import tensors_to_quantise
from engine_builder.reference import full_precision, one_by_one
from engine_builder.sample_clips import made_up_clips
from engine_builder.verify import compare
from engine_builder.wts import write_wts

from ...support.recipe import draw, narrow
from .runtime_types import openvino_types

CLIP = ClipFormat()
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
    name = tensors_to_quantise(fp32.graph)[3]
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
    zeros = {name: int(constants[f"{name}.zero_point"]) for name in tensors_to_quantise(fp32.graph)}
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


@pytest.mark.parametrize(("architecture", "convolutions"), [("r3d_18", 20), ("mc3_18", 20), ("r2plus1d_18", 37)])
def test_openvino_computes_every_convolution_in_integers(architecture: str, convolutions: int, tmp_path: Path) -> None:
    """At a quarter of the width, with as many layers."""
    write_wts(tmp_path / "weights.wts", draw(narrow(architecture, 4, 5)))
    options = BuildOptions("x", clip=ClipFormat(frames=8, height=64, width=64), labels=tuple("abcde"))
    build_model(tmp_path / "weights.wts", tmp_path / "model", options)
    network = onnx.load(tmp_path / "model" / "model.onnx")
    ranges = observe(network, made_up_clips(options.clip, 1), full_precision)
    types = openvino_types(quantise(network, ranges), options.clip)
    assert len(types["Convolution"]) == convolutions
    assert set(types["Convolution"]) <= {"u8", "i8"}
    assert types["FullyConnected"] == ["f32"]


@pytest.mark.parametrize("bad", [Range(0.0, float("inf")), Range(float("-inf"), 1.0), Range(0.0, float("nan"))])
def test_a_range_that_makes_no_scale(fp32: onnx.ModelProto, ranges: dict[str, Range], bad: Range) -> None:
    name = tensors_to_quantise(fp32.graph)[0]
    with pytest.raises(QuantizationError, match=name):
        quantise(fp32, {**ranges, name: bad})
