"""An fp32 ONNX network to one of 8-bit integers, in ONNX's own words: QuantizeLinear and DequantizeLinear pairs.

Weights are int8, symmetric, with a scale for each output channel; activations have a scale for each tensor. Both
inputs of every residual addition and its output are quantised too, so that a runtime can keep the whole trunk in
integers; what is neither convolution nor such an addition, as the last layer and the softmax, stays in floats.
Pairs as in ONNX Runtime's and OpenVINO's documentation of quantised models, and in TensorRT's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from ..errors import QuantizationError
from .targets import DOMAINS, convolutions, names_used, tensors_to_quantise

# The least that ONNX's own operators for this need at all, and what the runtimes are tested with.
OPSET = 19
LEVELS = 255
SIGNED_LEVELS = 127


class Scheme(Enum):
    """What the integers of activations are.

    `UNSIGNED`: uint8, zero point 0 behind a ReLU, elsewhere wherever zero falls; biases int32. For CPUs.
    `SIGNED`: int8, zero point 0; biases stay floats. All that TensorRT knows: it reads uint8 as int8, and its parser
    refuses an int32 bias.
    """

    UNSIGNED = "unsigned"
    SIGNED = "signed"


@dataclass(frozen=True)
class Range:
    """The smallest and the largest value that a tensor was seen to have."""

    low: float
    high: float


def quantise(model: onnx.ModelProto, ranges: Mapping[str, Range], scheme: Scheme = Scheme.UNSIGNED) -> onnx.ModelProto:
    """The network in integers. `ranges` has every tensor of `tensors_to_quantise`.

    Raises QuantizationError for a range or weights that make no finite scale, and for a graph of an older ONNX that
    cannot be brought to the one that this needs.
    """
    return _Quantiser(_modern(model), ranges, scheme).run()


def _modern(model: onnx.ModelProto) -> onnx.ModelProto:
    version = max(each.version for each in model.opset_import if each.domain in DOMAINS)
    if version >= OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:  # the converter raises RuntimeError, and other kinds from within
        reason = str(error).splitlines()[0]
        hint = f"export it with opset {OPSET} or later"
        raise QuantizationError(None, f"opset {version} cannot be converted to {OPSET} ({reason}): {hint}") from error


class _Quantiser:
    def __init__(self, model: onnx.ModelProto, ranges: Mapping[str, Range], scheme: Scheme) -> None:
        self._model = model
        self._ranges = ranges
        self._scheme = scheme
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._behind_relu = {node.output[0] for node in model.graph.node if node.op_type == "Relu"}
        self._scales: dict[str, float] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: list[onnx.TensorProto] = []

    def run(self) -> onnx.ModelProto:
        graph = self._model.graph
        renamed = {name: f"{name}.dequantised" for name in tensors_to_quantise(graph)}
        in_integers = {node.output[0] for node in convolutions(graph)}
        for node in graph.node:
            made = onnx.NodeProto()
            made.CopyFrom(node)
            self._use_quantised(made, renamed)
            if node.output[0] in in_integers:
                self._quantise_convolution(made, node)
            self._nodes.append(made)
            for output in node.output:
                if output in renamed:
                    self._quantise_activation(output, renamed[output])
        return self._assemble()

    def _use_quantised(self, node: onnx.NodeProto, renamed: Mapping[str, str]) -> None:
        for index, name in enumerate(node.input):
            # A ReLU is folded into the integers that follow it; what it reads stays as it is.
            if name in renamed and node.op_type != "Relu":
                node.input[index] = renamed[name]

    def _quantise_activation(self, name: str, target: str) -> None:
        low, high = min(self._ranges[name].low, 0.0), max(self._ranges[name].high, 0.0)
        if name in self._behind_relu:
            low = 0.0
        zero: np.uint8 | np.int8
        if self._scheme is Scheme.SIGNED:
            scale = self._finite(max(-low, high) / SIGNED_LEVELS or 1.0, name)
            zero = np.int8(0)
        else:
            scale = self._finite((high - low) / LEVELS or 1.0, name)
            zero = np.uint8(np.clip(round(-low / scale), 0, LEVELS))
        self._scales[name] = scale
        parameters = [
            self._constant(f"{name}.scale", np.array(scale, np.float32)),
            self._constant(f"{name}.zero_point", np.array(zero)),
        ]
        integers = f"{name}.quantised"
        self._add("QuantizeLinear", [name, *parameters], integers)
        self._add("DequantizeLinear", [integers, *parameters], target)

    def _quantise_convolution(self, made: onnx.NodeProto, conv: onnx.NodeProto) -> None:
        # Names by what the convolution gives: two of them may share weights.
        name = conv.output[0]
        weights = self._values(conv.input[1])
        largest = np.abs(weights).reshape(len(weights), -1).max(1)
        scales = np.where(largest > 0, largest, 1.0) / SIGNED_LEVELS
        if len(conv.input) > 2 and conv.input[2] and self._scheme is Scheme.UNSIGNED:
            bias_scales = scales * self._scales[conv.input[0]]
            steps = np.rint(self._values(conv.input[2]) / bias_scales)
            if np.abs(steps).max() > np.iinfo(np.int32).max:
                # Beside such a bias the rest hardly counts. ONNX Runtime would put the bias into integers regardless.
                made.input[0] = conv.input[0]
                return
            made.input[2] = self._stored(f"{name}.bias", steps.astype(np.int32), bias_scales)
        integers = np.rint(weights / scales.reshape(-1, *[1] * (weights.ndim - 1)))
        made.input[1] = self._stored(f"{name}.weight", integers.astype(np.int8), scales)

    def _values(self, name: str) -> npt.NDArray[np.float64]:
        return numpy_helper.to_array(self._constants[name]).astype(np.float64)

    def _stored(self, name: str, integers: npt.NDArray[np.signedinteger], scales: npt.NDArray[np.float64]) -> str:
        """Integers with a scale for each channel (axis 0); the name of their real values."""
        for scale in scales:
            self._finite(float(scale), name)
        parameters = [
            self._constant(f"{name}.quantised", integers),
            self._constant(f"{name}.scale", scales.astype(np.float32)),
            self._constant(f"{name}.zero_point", np.zeros(len(scales), integers.dtype)),
        ]
        return self._add("DequantizeLinear", parameters, f"{name}.dequantised", axis=0)

    @staticmethod
    def _finite(scale: float, name: str) -> float:
        if not np.isfinite(np.float32(scale)) or np.float32(scale) <= 0:
            raise QuantizationError(name, f"{scale:g} is no scale")
        return scale

    def _constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        self._initialisers.append(numpy_helper.from_array(values, name))
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: int) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))  # type: ignore[arg-type]
        return output

    def _assemble(self) -> onnx.ModelProto:
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        graph = model.graph
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self._nodes)
        used = set(names_used(graph))
        graph.initializer.extend(tensor for name, tensor in self._constants.items() if name in used)
        graph.initializer.extend(self._initialisers)
        model.ir_version = max(self._model.ir_version, 9)
        onnx.checker.check_model(model)
        return model
