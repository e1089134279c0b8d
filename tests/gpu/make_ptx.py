"""Make `crops.ptx` of `crops.cu`: `python -m tests.gpu.make_ptx LIBNVRTC`.

LIBNVRTC is NVRTC's library, out of the package `nvidia-cuda-nvrtc-cu12` of version 12.2: a later one would write PTX
that drivers of that time (r535) do not know. No GPU is needed.
"""

import ctypes
import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "service/decoding/nvdec"
SOURCE, PTX = FOLDER / "crops.cu", FOLDER / "crops.ptx"
# Turing, the oldest that TensorRT's packages know; the driver translates it for later ones.
OPTIONS = (b"--gpu-architecture=compute_75",)


def mark(source: bytes) -> bytes:
    """The line that says what the PTX was made of."""
    return b"// of crops.cu, SHA-256 " + hashlib.sha256(source).hexdigest().encode() + b"\n"


def compile_source(nvrtc: ctypes.CDLL, source: bytes) -> bytes:
    """PTX of CUDA C++. Raises ValueError with what the compiler says."""
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"crops.cu", 0, None, None) == 0
    failed = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), (ctypes.c_char_p * len(OPTIONS))(*OPTIONS))
    what = "ProgramLog" if failed else "PTX"
    size = ctypes.c_size_t()
    assert getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)) == 0
    text = ctypes.create_string_buffer(size.value)
    assert getattr(nvrtc, f"nvrtcGet{what}")(program, text) == 0
    if failed:
        raise ValueError(text.value.decode())
    return text.value


if __name__ == "__main__":
    made_of = SOURCE.read_bytes()
    PTX.write_bytes(mark(made_of) + compile_source(ctypes.CDLL(sys.argv[1]), made_of))
