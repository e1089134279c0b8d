"""Checkpoints of PyTorch and safetensors, read with NumPy: no PyTorch, and no code of the file's is ever run."""
