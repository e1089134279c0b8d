"""What values a network's activations take over some clips: what their 8-bit scales are made from."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from ..errors import VerificationError
from ..manifest import Frames
from ..reference import Runner
from .qdq import Range, tensors_to_quantise

RANGES = "ranges"


def observe(model: onnx.ModelProto, clips: Iterable[Frames], run: Callable[[bytes], Runner]) -> dict[str, Range]:
    """The smallest and largest value of each activation that is to be quantised, over all clips [T, H, W, 3].

    `run` loads a serialised network and gives what runs it. Memory does not grow with the number of
    clips. Raises VerificationError when there is no clip, or a value is no number.
    """
    names = tensors_to_quantise(model)
    runner = run(with_ranges(model, names).SerializeToString())
    seen: npt.NDArray[np.float32] | None = None
    for clip in clips:
        found = runner(clip[None])[RANGES].reshape(len(names), 2)
        if not np.isfinite(found).all():
            raise VerificationError("the fp32 network itself gives values that are no numbers")
        seen = found if seen is None else np.stack([np.minimum(seen, found)[:, 0], np.maximum(seen, found)[:, 1]], 1)
    if seen is None:
        raise VerificationError("there is no clip to calibrate with")
    return {name: Range(float(low), float(high)) for name, (low, high) in zip(names, seen, strict=True)}


def with_ranges(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The network with one output, float32 [2 * names]: the smallest and largest value of each tensor in turn.

    The runtime itself reduces the activations, so that they never leave it.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    graph, ends = watched.graph, []
    graph.initializer.append(helper.make_tensor(f"{RANGES}.shape", TensorProto.INT64, [1], [1]))
    for name in names:
        for operator in ("ReduceMin", "ReduceMax"):
            end = f"{name}.{operator}"
            flat = f"{end}.flat"
            graph.node.append(helper.make_node(operator, [name], [end], name=end, keepdims=0))
            graph.node.append(helper.make_node("Reshape", [end, f"{RANGES}.shape"], [flat], name=flat))
            ends.append(flat)
    graph.node.append(helper.make_node("Concat", ends, [RANGES], name=RANGES, axis=0))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(RANGES, TensorProto.FLOAT, [len(ends)]))
    return watched
