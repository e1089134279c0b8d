"""What a runtime really computes in."""

from collections import defaultdict

import onnx

from engine_builder.manifest import ClipFormat


def openvino_types(model: onnx.ModelProto, clip: ClipFormat) -> dict[str, list[str]]:
    """The type that OpenVINO's own compiled network reports for each of its layers, by the kind of layer."""
    import openvino

    core = openvino.Core()
    network = core.read_model(model.SerializeToString())
    network.reshape([1, *clip.shape])
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = defaultdict(list)
    for node in compiled.get_runtime_model().get_ordered_ops():
        information = node.get_rt_info()
        found[information["layerType"].astype(str)].append(information["runtimePrecision"].astype(str))
    return found
