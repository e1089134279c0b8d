"""A GPU as decoding uses it: NVDEC by PyNvVideoCodec, the kernel that makes crops by PyCUDA.

Used in the process that drives NVDEC only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import PyNvVideoCodec
from pycuda import driver

from . import kernel
from .wire import Codec, Stream

CODECS = {"h264": "H264", "hevc": "HEVC"}


class Gpu:
    """The GPU of a CUDA number, its context, and what its NVDEC can do.

    Made in the main thread; other threads use it within `current`. Raises driver.Error where there is no such GPU.
    """

    def __init__(self, number: int) -> None:
        driver.init()
        self.number = number
        self.device = driver.Device(number)
        # Waiting asleep: a thread that spins takes a core from those that demux.
        self.context = self.device.make_context(driver.ctx_flags.SCHED_BLOCKING_SYNC)
        module = driver.module_from_buffer(kernel.CODE.read_bytes() + b"\0")
        self.kernel = module.get_function(kernel.NAME)
        self.kernel.prepare(kernel.ARGUMENTS)
        self._limits = {(codec, bits): self._ask(name, bits) for codec, name in CODECS.items() for bits in (8, 10)}

    def _ask(self, codec: str, bits: int) -> dict[str, int]:
        """What NVDEC can do with a codec; no decoder units where it cannot."""
        kinds = PyNvVideoCodec.cudaVideoCodec
        chroma = getattr(PyNvVideoCodec.cudaVideoChromaFormat, "420")
        return dict(PyNvVideoCodec.GetDecoderCaps(self.number, getattr(kinds, codec), chroma, bits))

    @property
    def decoder_units(self) -> int:
        """How many videos NVDEC decodes at a time."""
        return max((caps.get("num_decoder_engines", 0) for caps in self._limits.values()), default=0)

    def refuses(self, stream: Stream) -> str | None:
        """Why NVDEC does not decode a stream, in words; None if it does."""
        caps = self._limits[stream.codec, stream.bits]
        if not caps.get("num_decoder_engines"):
            return f"this GPU's NVDEC decodes no {stream.codec} of {stream.bits} bits"
        width, height = stream.width, stream.height
        inside = caps["width_min"] <= width <= caps["width_max"] and caps["height_min"] <= height <= caps["height_max"]
        if not inside or width * height / 256 > caps["mb_num_max"]:
            return f"this GPU's NVDEC decodes no frames of {width} x {height}"
        return None

    def decoder(self, codec: Codec, bits: int, stream: Any, size: int) -> Any:
        """A decoder of PyNvVideoCodec for videos at most so wide and high, which works in a CUDA stream."""
        caps = self._limits[codec, bits]
        return PyNvVideoCodec.CreateDecoder(
            gpuid=self.number,
            codec=getattr(PyNvVideoCodec.cudaVideoCodec, CODECS[codec]),
            cudacontext=self.context.handle,
            cudastream=stream.handle,
            usedevicememory=True,
            maxwidth=min(size, caps["width_max"]),
            maxheight=min(size, caps["height_max"]),
        )

    @contextmanager
    def current(self) -> Iterator[None]:
        """The context is this thread's in the block. PyCUDA ends the process if a thread ends with one on its stack."""
        self.context.push()
        try:
            yield
        finally:
            self.context.pop()
