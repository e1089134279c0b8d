"""What the processor of this machine can do."""

from service.inference.backends.openvino import supported_precisions


def ways_on_this_processor() -> int:
    """Ways to run a network that is there in fp32: OpenVINO in fp32, and in bf16 where there is that; ONNX Runtime."""
    return 2 + ("bf16" in supported_precisions())
