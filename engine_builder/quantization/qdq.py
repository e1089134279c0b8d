"""An fp32 ONNX network to one of 8-bit integers, in ONNX's own words: QuantizeLinear and DequantizeLinear pairs.

Weights are int8, symmetric, with a scale for each output channel; activations uint8, with a scale for each tensor:
zero point 0 behind a ReLU, elsewhere wherever zero falls. Both inputs of every residual addition and its output are
quantised too, so that a runtime can keep the whole trunk in integers; the last layer and the softmax stay in floats.
Pairs as in ONNX Runtime's and OpenVINO's documentation of quantised models.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from ..errors import QuantizationError

# The least that ONNX's own operators for this need at all, and what the runtimes are tested with.
OPSET = 19
LEVELS = 255
WEIGHT_LEVELS = 127


@dataclass(frozen=True)
class Range:
    """The smallest and the largest value that a tensor was seen to have."""

    low: float
    high: float


def tensors_to_quantise(model: onnx.ModelProto) -> list[str]:
    """The activations that get a scale: inputs of convolutions, inputs and outputs of residual additions."""
    after_relu = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    wanted: dict[str, None] = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            wanted[node.input[0]] = None
        elif _is_residual(node, model):
            wanted |= dict.fromkeys(node.input)
            wanted[after_relu.get(node.output[0], node.output[0])] = None
    return list(wanted)


def _is_residual(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    """An addition of two activations, not of a constant."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return node.op_type == "Add" and constants.isdisjoint(node.input)


def quantise(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> onnx.ModelProto:
    """The network in integers. `ranges` has every tensor of `tensors_to_quantise`.

    Raises QuantizationError for a range or weights that make no finite scale.
    """
    return _Quantiser(model, ranges).run()


class _Quantiser:
    def __init__(self, model: onnx.ModelProto, ranges: Mapping[str, Range]) -> None:
        self._model = model
        self._ranges = ranges
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._behind_relu = {node.output[0] for node in model.graph.node if node.op_type == "Relu"}
        self._scales: dict[str, float] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, onnx.TensorProto] = {}

    def run(self) -> onnx.ModelProto:
        quantised = tensors_to_quantise(self._model)
        renamed = {name: f"{name}.dequantised" for name in quantised}
        for node in self._model.graph.node:
            made = onnx.NodeProto()
            made.CopyFrom(node)
            self._use_quantised(made, renamed)
            if node.op_type == "Conv":
                self._quantise_weights(made, node.input[0])
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
        low, high = self._ranges[name].low, self._ranges[name].high
        low, high = min(low, 0.0), max(high, 0.0)
        if name in self._behind_relu:
            low = 0.0
        scale = self._finite((high - low) / LEVELS or 1.0, name)
        zero = int(np.clip(round(-low / scale), 0, LEVELS))
        self._scales[name] = scale
        parameters = [
            self._constant(f"{name}.scale", np.array(scale, np.float32)),
            self._constant(f"{name}.zero_point", np.array(zero, np.uint8)),
        ]
        integers = f"{name}.quantised"
        self._add("QuantizeLinear", [name, *parameters], integers)
        self._add("DequantizeLinear", [integers, *parameters], target)

    def _quantise_weights(self, conv: onnx.NodeProto, source: str) -> None:
        name, bias_name = conv.input[1], conv.input[2]
        weights = numpy_helper.to_array(self._constants.pop(name)).astype(np.float64)
        bias = numpy_helper.to_array(self._constants.pop(bias_name)).astype(np.float64)
        largest = np.abs(weights).reshape(len(weights), -1).max(1)
        scales = np.where(largest > 0, largest, 1.0) / WEIGHT_LEVELS
        integers = np.rint(weights / scales.reshape(-1, *[1] * (weights.ndim - 1)))
        conv.input[1] = self._stored(name, integers.astype(np.int8), scales)
        bias_scales = scales * self._scales[source]
        steps = np.rint(bias / bias_scales)
        if np.abs(steps).max() > np.iinfo(np.int32).max:
            raise QuantizationError(bias_name, "a bias is too large for 32 bits")
        conv.input[2] = self._stored(bias_name, steps.astype(np.int32), bias_scales)

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
        self._initialisers[name] = numpy_helper.from_array(values, name)
        return name

    def _add(self, operator: str, inputs: Iterable[str], output: str, **attributes: int) -> str:
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))  # type: ignore[arg-type]
        return output

    def _assemble(self) -> onnx.ModelProto:
        graph = self._model.graph
        initialisers = [*self._constants.values(), *self._initialisers.values()]
        made = helper.make_graph(self._nodes, graph.name, graph.input, graph.output, initialisers)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(made, opset_imports=opsets, producer_name=self._model.producer_name)
        model.ir_version = max(self._model.ir_version, 9)
        onnx.checker.check_model(model)
        return model
