"""TensorRT engines from a model directory's ONNX network: build, run, publish."""
