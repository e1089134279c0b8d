"""The kernel that makes crops, as it is called: see crops.cu."""

from pathlib import Path

# The driver translates PTX for the GPU that it finds; no compiler is needed.
CODE = Path(__file__).with_name("crops.ptx")
NAME = "crop"
# Frames of one call.
FRAMES = 16
# Pointers, the frames' first, and whole numbers.
ARGUMENTS = "P" * FRAMES + "iiiPiPiiiiiiiP"
THREADS = (32, 8, 1)
