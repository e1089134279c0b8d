"""A GPU with NVDEC, in NumPy and FFmpeg: stands in for PyNvVideoCodec and PyCUDA, and checks how they are called."""
