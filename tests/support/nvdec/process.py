"""The process that drives NVDEC, with the stand-in for a GPU.

Run in its place: see `stand_in` in `decoding`.
"""

import sys
from importlib.machinery import ModuleSpec

from service.decoding.nvdec import process

from .codec import py_nv_video_codec
from .cuda import Machine

STAND_IN = "tests.support.nvdec.process"


def install() -> Machine:
    """From now on `PyNvVideoCodec` and `pycuda` are the stand-ins."""
    machine = Machine()
    for module in (machine.pycuda(), py_nv_video_codec(machine)):
        module.__spec__ = ModuleSpec(module.__name__, None)
        sys.modules[module.__name__] = module
    return machine


if __name__ == "__main__":
    install()
    process.main()
