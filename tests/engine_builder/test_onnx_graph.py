import numpy as np
import onnx
import onnxruntime
import pytest

from engine_builder.architecture import recognise
from engine_builder.errors import NetworkError
from engine_builder.manifest import ClipFormat, Precision
from engine_builder.onnx_graph import build_onnx, fold
from engine_builder.wts import Tensors

from ..support.recipe import ARCHITECTURES, draw, narrow

SMALL = ClipFormat(frames=8, height=32, width=32, resize_height=36, resize_width=48)


def tensors_of(architecture: str) -> Tensors:
    return {name: values.reshape(-1) for name, values in draw(narrow(architecture, 8, 5)).items()}


def graph_of(tensors: Tensors, clip: ClipFormat = SMALL, precision: Precision = "fp32") -> onnx.ModelProto:
    return build_onnx(recognise({name: values.size for name, values in tensors.items()}), tensors, clip, precision)


def run(
    model: onnx.ModelProto, frames: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], output: str = "probabilities"
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], {"frames": frames})[0])


def frames_of(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_inputs_outputs_and_bytes(architecture: str, precision: Precision) -> None:
    tensors = tensors_of(architecture)
    model = graph_of(tensors, precision=precision)
    frames, (probabilities, embedding) = model.graph.input[0], model.graph.output
    assert frames.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_param or d.dim_value for d in frames.type.tensor_type.shape.dim] == ["N", 8, 32, 32, 3]
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [d.dim_param or d.dim_value for d in probabilities.type.tensor_type.shape.dim] == ["N", 5]
    assert (embedding.name, embedding.type.tensor_type.elem_type) == ("embedding", onnx.TensorProto.FLOAT)
    assert [d.dim_param or d.dim_value for d in embedding.type.tensor_type.shape.dim] == ["N", 64]
    again = graph_of(tensors_of(architecture), precision=precision)
    assert model.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_any_batch_and_both_precisions_agree(architecture: str) -> None:
    tensors = tensors_of(architecture)
    frames = frames_of(3)
    full = run(graph_of(tensors), frames)
    assert full.shape == (3, 5)
    assert full.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    one_by_one = np.concatenate([run(graph_of(tensors), clip[None]) for clip in frames])
    assert np.abs(full - one_by_one).max() < 1e-5
    assert np.abs(full - run(graph_of(tensors, precision="fp16"), frames)).max() < 2e-2


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_embedding_is_what_the_last_layer_classifies(precision: Precision) -> None:
    tensors = tensors_of("r3d_18")
    model, frames = graph_of(tensors, precision=precision), frames_of(2)
    features = run(model, frames, "embedding")
    assert features.shape == (2, 64)
    assert features.dtype == np.float32
    logits = features @ tensors["fc.weight"].reshape(5, 64).T + tensors["fc.bias"]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    assert np.abs(powers / powers.sum(1, keepdims=True) - run(model, frames)).max() < 1e-5


def test_half_precision_is_where_it_should_be() -> None:
    model = graph_of(tensors_of("r3d_18"), precision="fp16")
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert types["layer4.1.conv2.0"] == onnx.TensorProto.FLOAT16
    assert types["normalised"] == types["pooled"] == types["logits"] == onnx.TensorProto.FLOAT
    weights = {item.name: item.data_type for item in model.graph.initializer}
    assert weights["stem.0.weight"] == onnx.TensorProto.FLOAT16
    assert weights["fc.weight"] == onnx.TensorProto.FLOAT


def test_normalisation_is_part_of_the_network() -> None:
    tensors = tensors_of("r3d_18")
    plain = SMALL.model_copy(update={"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)})
    frames = frames_of(1)
    assert np.abs(run(graph_of(tensors), frames) - run(graph_of(tensors, plain), frames)).max() > 1e-3


def test_a_batch_norm_is_folded_exactly() -> None:
    tensors = tensors_of("r3d_18")
    conv = recognise({name: values.size for name, values in tensors.items()}).stem[0]
    weight, bias = fold(conv, tensors)
    scale = tensors["stem.1.weight"].astype(np.float64) / np.sqrt(
        tensors["stem.1.running_var"].astype(np.float64) + 1e-5
    )
    raw = tensors["stem.0.weight"].reshape(8, -1).astype(np.float64)
    assert weight.reshape(8, -1) == pytest.approx(raw * scale[:, None], rel=1e-12)
    assert bias == pytest.approx(tensors["stem.1.bias"] - tensors["stem.1.running_mean"] * scale, rel=1e-6)


def test_weights_too_large_for_half_precision_are_named() -> None:
    tensors = tensors_of("r3d_18")
    tensors["layer2.0.conv1.0.weight"] = tensors["layer2.0.conv1.0.weight"] * np.float32(1e6)
    graph_of(tensors)
    with pytest.raises(NetworkError, match="do not fit fp16") as caught:
        graph_of(tensors, precision="fp16")
    assert caught.value.tensor == "layer2.0.conv1.0.weight"


def test_a_negative_variance_is_named() -> None:
    tensors = tensors_of("r3d_18")
    tensors["stem.1.running_var"] = -tensors["stem.1.running_var"]
    with pytest.raises(NetworkError, match="negative") as caught:
        graph_of(tensors)
    assert caught.value.tensor == "stem.1.running_var"
