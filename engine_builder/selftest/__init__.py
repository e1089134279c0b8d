"""`r3d-engine selftest`: whether TensorRT engines can be built and served on this machine, in one command."""
