"""An ONNX video classifier of any kind as a model directory: the missing ends are put onto its graph.

In front: uint8 frames, normalised, in its layout. Behind: a softmax, unless it gives probabilities. What it expects is
read from its graph where that says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from .errors import OnnxImportError
from .manifest import INPUT, OUTPUT, ClipFormat, Frames

OLDEST_OPSET = 13  # Softmax over one axis
FLOATS: dict[int, np.dtype[Any]] = {TensorProto.FLOAT: np.dtype(np.float32), TensorProto.FLOAT16: np.dtype(np.float16)}
# From [N, T, H, W, 3].
PERMUTATIONS = {"N x 3 x T x H x W": (0, 4, 1, 2, 3), "N x T x 3 x H x W": (0, 1, 4, 2, 3)}


@dataclass(frozen=True)
class Classifier:
    """A network with one input, float, in one of two layouts, and one output [N, classes]."""

    model: onnx.ModelProto
    permutation: tuple[int, ...]
    sizes: tuple[int | None, int | None, int | None]
    classes: int | None

    @property
    def input(self) -> onnx.ValueInfoProto:
        """What it takes."""
        return _inputs(self.model)[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of what it takes."""
        return FLOATS[self.input.type.tensor_type.elem_type]

    def prepared(self, clips: Frames, clip: ClipFormat) -> npt.NDArray[np.floating]:
        """Clips uint8 [n, T, H, W, 3] as this network takes them."""
        values = (clips.astype(np.float64) / 255 - np.array(clip.mean)) / np.array(clip.std)
        return np.ascontiguousarray(values.transpose(self.permutation).astype(self.dtype))


def read_classifier(path: Path) -> Classifier:
    """Raises OnnxImportError when the file is no ONNX network, or one of another kind."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # the parser and the checker raise their own kinds, and others
        raise OnnxImportError(f"{path}: not an ONNX network: {str(error).splitlines()[0]}") from error
    inputs, outputs = _inputs(model), model.graph.output
    if len(inputs) != 1 or len(outputs) != 1:
        raise OnnxImportError(f"{path}: {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    if _opset(model) < OLDEST_OPSET:
        raise OnnxImportError(f"{path}: opset {_opset(model)}; export it with {OLDEST_OPSET} or later")
    if inputs[0].type.tensor_type.elem_type not in FLOATS:
        raise OnnxImportError(f"{path}: its input is not of floats")
    dimensions, given = _dimensions(inputs[0]), _dimensions(outputs[0])
    layouts = [name for name, axes in PERMUTATIONS.items() if len(dimensions) == 5 and dimensions[axes.index(4)] == 3]
    if not layouts or len(given) != 2:
        wanted = f"{' or '.join(PERMUTATIONS)} to N x classes"
        raise OnnxImportError(f"{path}: from {_written(dimensions)} to {_written(given)}, not from {wanted}")
    permutation = PERMUTATIONS[layouts[0]]
    time, height, width = (dimensions[permutation.index(axis)] for axis in (1, 2, 3))
    return Classifier(model, permutation, (time, height, width), given[1])


def wrap(classifier: Classifier, clip: ClipFormat, classes: int, softmax: bool) -> onnx.ModelProto:
    """The network from uint8 `frames` [N, T, H, W, 3] RGB to `probabilities` float32 [N, classes].

    Raises OnnxImportError when its graph cannot be put together with these.
    """
    network = onnx.ModelProto()
    network.CopyFrom(classifier.model)
    for value in (
        network.graph.output[0],
        next(each for each in network.graph.input if each.name == classifier.input.name),
    ):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del network.graph.value_info[:]  # shapes of a fixed batch; the runtimes infer their own
    try:
        network = compose.add_prefix(network, "network/")
        source, target = f"network/{classifier.input.name}", network.graph.output[0].name
        before = _model(network, _front(classifier, clip))
        joined = compose.merge_models(before, network, [("prepared", source)])
        joined = compose.merge_models(joined, _model(network, _back(network, classes, softmax)), [(target, "given")])
        # Merging names the version that all three have three times.
        del joined.opset_import[:]
        joined.opset_import.extend(network.opset_import)
        joined.producer_name = "r3d-engine"
        onnx.checker.check_model(joined)
    except Exception as error:  # `compose` and the checker raise their own kinds, and ValueError
        raise OnnxImportError(f"the network cannot be wrapped: {str(error).splitlines()[0]}") from error
    return joined


def _front(classifier: Classifier, clip: ClipFormat) -> onnx.GraphProto:
    mean, std = np.array(clip.mean, np.float64), np.array(clip.std, np.float64)
    shape = tuple(3 if axis == 4 else 1 for axis in classifier.permutation)
    constants = {"scale": 1 / (255 * std), "shift": -mean / std}
    nodes = [
        helper.make_node("Cast", [INPUT], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["ordered"], perm=classifier.permutation),
        helper.make_node("Mul", ["ordered", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["normalised"]),
        helper.make_node("Cast", ["normalised"], ["prepared"], to=classifier.input.type.tensor_type.elem_type),
    ]
    frames = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *clip.shape])
    sizes: list[str | int | None] = ["N", *(clip.shape[axis - 1] for axis in classifier.permutation[1:])]
    prepared = helper.make_tensor_value_info("prepared", classifier.input.type.tensor_type.elem_type, sizes)
    values = [numpy_helper.from_array(each.astype(np.float32).reshape(shape), name) for name, each in constants.items()]
    return helper.make_graph(nodes, "front", [frames], [prepared], values)


def _back(network: onnx.ModelProto, classes: int, softmax: bool) -> onnx.GraphProto:
    given = helper.make_tensor_value_info("given", network.graph.output[0].type.tensor_type.elem_type, ["N", classes])
    last = helper.make_node("Softmax", ["values"], [OUTPUT], axis=1)
    nodes = [
        helper.make_node("Cast", ["given"], ["values"], to=TensorProto.FLOAT),
        last if softmax else helper.make_node("Identity", ["values"], [OUTPUT]),
    ]
    probabilities = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", classes])
    return helper.make_graph(nodes, "back", [given], [probabilities])


def _model(network: onnx.ModelProto, graph: onnx.GraphProto) -> onnx.ModelProto:
    """A graph in the network's own versions, as merging them asks for."""
    return helper.make_model(graph, opset_imports=network.opset_import, ir_version=network.ir_version)


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]


def _opset(model: onnx.ModelProto) -> int:
    return max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)


def _dimensions(value: onnx.ValueInfoProto) -> list[int | None]:
    """None for those that are not fixed."""
    return [each.dim_value or None for each in value.type.tensor_type.shape.dim]


def _written(dimensions: list[int | None]) -> str:
    return " x ".join("?" if each is None else str(each) for each in dimensions) or "nothing"
