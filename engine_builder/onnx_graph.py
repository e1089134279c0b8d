"""A recognised network and its weights as an ONNX graph, batch norms folded."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from .architecture import Block, Conv, Network
from .errors import NetworkError
from .manifest import EMBEDDING, INPUT, OUTPUT, ClipFormat, Precision
from .wts import Tensors

LOGITS = "logits"
# Known to TensorRT 10 and 11, OpenVINO and ONNX Runtime alike.
OPSET = 17
IR_VERSION = 8
NORM_EPSILON = 1e-5  # PyTorch's default, which torchvision keeps


@dataclass
class _Graph:
    """Nodes and initialisers, in the order they were added."""

    precision: Precision
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initialisers: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))  # type: ignore[arg-type]
        return output

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, name: str, values: npt.NDArray[np.float64]) -> str:
        """A constant in the graph's precision. Raises NetworkError where that cannot hold the values."""
        dtype = np.float16 if self.precision == "fp16" else np.float32
        with np.errstate(over="ignore", invalid="ignore"):
            stored = values.astype(dtype)
        if not np.isfinite(stored).all():
            raise NetworkError(name, f"folded values up to {np.abs(values).max():g} do not fit {self.precision}")
        return self.constant(name, stored)


def build_onnx(network: Network, tensors: Tensors, clip: ClipFormat, precision: Precision = "fp32") -> onnx.ModelProto:
    """The network as ONNX: `frames` uint8 [N, T, H, W, 3] RGB to `probabilities` float32 [N, classes] and `embedding`
    float32 [N, features].

    Normalisation and softmax are inside; `logits` is a named inner tensor. In fp16 the convolutions and their weights
    are half precision; normalisation, pooling, the last layer and softmax stay in fp32. The same input gives the same
    bytes. Raises NetworkError when folded weights are not finite in that precision.
    """
    graph = _Graph(precision)
    x = _normalise(graph, clip)
    for conv in network.stem:
        x = _relu(graph, _conv(graph, conv, tensors, x))
    for block in network.blocks:
        x = _block(graph, block, tensors, x)
    _classify(graph, network, tensors, x)
    frames = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *clip.shape])
    sizes = {OUTPUT: network.classes, EMBEDDING: network.features}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in sizes.items()]
    body = helper.make_graph(graph.nodes, network.architecture, [frames], outputs, graph.initialisers)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opset, ir_version=IR_VERSION, producer_name="r3d-engine")
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def _normalise(graph: _Graph, clip: ClipFormat) -> str:
    """(frames / 255 - mean) / std, channels first. It stays outside the first convolution, whose zero padding means
    zero after normalising."""
    mean, std = np.array(clip.mean, np.float64), np.array(clip.std, np.float64)
    x = graph.add("Cast", [INPUT], "frames_float", to=TensorProto.FLOAT)
    x = graph.add("Transpose", [x], "frames_first", perm=[0, 4, 1, 2, 3])
    shape = (1, 3, 1, 1, 1)
    scale = graph.constant("scale", (1 / (255 * std)).astype(np.float32).reshape(shape))
    shift = graph.constant("shift", (-mean / std).astype(np.float32).reshape(shape))
    x = graph.add("Add", [graph.add("Mul", [x, scale], "scaled"), shift], "normalised")
    return graph.add("Cast", [x], "normalised_half", to=TensorProto.FLOAT16) if graph.precision == "fp16" else x


def _conv(graph: _Graph, conv: Conv, tensors: Tensors, x: str) -> str:
    weight, bias = fold(conv, tensors)
    name = conv.weight.removesuffix(".weight")
    inputs = [x, graph.weight(conv.weight, weight), graph.weight(f"{name}.bias", bias)]
    return graph.add("Conv", inputs, name, kernel_shape=conv.kernel, strides=conv.stride, pads=conv.padding * 2)


def fold(conv: Conv, tensors: Tensors) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weight [out, in, t, h, w] and bias [out] of the convolution with its batch norm, in float64.

    Raises NetworkError for a running variance that is negative.
    """
    parts = (tensors[f"{conv.norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    gamma, beta, mean, variance = (part.astype(np.float64) for part in parts)
    if (variance < 0).any():
        raise NetworkError(f"{conv.norm}.running_var", "a variance is negative")
    factor = gamma / np.sqrt(variance + NORM_EPSILON)
    weight = tensors[conv.weight].reshape(conv.shape).astype(np.float64)
    return weight * factor.reshape(-1, 1, 1, 1, 1), beta - mean * factor


def _relu(graph: _Graph, x: str) -> str:
    return graph.add("Relu", [x], f"{x}.relu")


def _block(graph: _Graph, block: Block, tensors: Tensors, x: str) -> str:
    y = x
    for conv in block.convs[:-1]:
        y = _relu(graph, _conv(graph, conv, tensors, y))
    y = _conv(graph, block.convs[-1], tensors, y)
    shortcut = _conv(graph, block.shortcut, tensors, x) if block.shortcut else x
    prefix = ".".join(block.convs[0].weight.split(".")[:2])
    return _relu(graph, graph.add("Add", [y, shortcut], prefix))


def _classify(graph: _Graph, network: Network, tensors: Tensors, x: str) -> None:
    if graph.precision == "fp16":
        x = graph.add("Cast", [x], "features_float", to=TensorProto.FLOAT)
    x = graph.add("GlobalAveragePool", [x], "pooled")
    x = graph.add("Flatten", [x], EMBEDDING, axis=1)
    weight = graph.constant("fc.weight", tensors["fc.weight"].reshape(network.classes, network.features))
    bias = graph.constant("fc.bias", tensors["fc.bias"])
    x = graph.add("Gemm", [x, weight, bias], LOGITS, transB=1)
    graph.add("Softmax", [x], OUTPUT, axis=1)
