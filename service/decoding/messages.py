"""What a decode child and its parent tell each other, over a stream socket.

Parent to child: `NEXT`, one byte for each clip it asks for. The child does nothing until then.
Child to parent, for each `NEXT`: a `ClipSpan` with its frames, or `Ended`, or `Failed`, or, once, `Fallback`; `Opened`
goes before the first clip, and `Progress` before any of them that takes long.
The child has met untrusted bytes, so every message is checked on arrival. On the wire: two big-endian uint32, the
length of a JSON header and of the raw frames behind it (0 for none).
"""

import struct
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .pixels.grid import CropFormat

NEXT = b"n"
LENGTHS = struct.Struct("!II")
MAX_HEADER_BYTES = 4096

# So often a video asks ahead of those that asked more: two clips, and the end behind them.
NEWCOMER_ASKS = 3

Seconds = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1 << 40)]

ErrorKind = Literal[
    "unsupported", "undecodable", "too-short", "too-long", "frames-too-large", "frame-rate", "memory", "time"
]

DecoderName = Literal["cpu", "nvdec"]
# Why a video that was given to NVDEC is decoded on the CPU: NVDEC does not decode such; its packets or frames are not
# as they should be; the process that drives NVDEC is gone or does not answer.
FallbackKind = Literal["unsupported", "damaged", "lost"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Opened(_Message):
    """The file was opened: what its video stream is, turned upright.

    `frames`: about how many are to be decoded, by the container's word; 0 if it does not say.
    """

    kind: Literal["opened"] = "opened"
    codec: str = Field(max_length=32)
    width: Count
    height: Count
    frame_rate: Seconds
    frames: Count = 0


class Progress(_Message):
    """The child is at work; this many frames are decoded."""

    kind: Literal["progress"] = "progress"
    frames: Count


class ClipSpan(_Message):
    """A clip's place in the video; its frames, uint8 [T, H, W, 3], follow.

    `index` is among the clips of its sampling, which is that place in the job's `samplings`. Frames count from 0,
    `end_frame` is one past the last.
    """

    kind: Literal["clip"] = "clip"
    sampling: Count = 0
    index: Count
    start_frame: Count
    end_frame: Count
    start_seconds: Seconds
    end_seconds: Seconds


class Ended(_Message):
    """The video is over. `busy_seconds` went into decoding, waiting for the parent not counted.

    `clips` are those of all samplings. `repeated`: how often a clip's frame is the one before it again. `decoder`: what
    decoded it; `fallback`: why that is not NVDEC, if it was to be.
    """

    kind: Literal["ended"] = "ended"
    frames: Count
    clips: Count
    repeated: Count = 0
    partial: bool
    duration_seconds: Seconds
    busy_seconds: Seconds
    decoder: DecoderName = "cpu"
    fallback: FallbackKind | None = None


class Fallback(_Message):
    """From here on the CPU decodes the video, not NVDEC, and why. The clips go on as if nothing had happened."""

    kind: Literal["fallback"] = "fallback"
    reason: FallbackKind
    detail: str = Field(max_length=1000)


class Failed(_Message):
    """The video cannot be classified, and why."""

    kind: Literal["failed"] = "failed"
    error: ErrorKind
    detail: str = Field(max_length=1000)


Message = Opened | Progress | ClipSpan | Ended | Fallback | Failed

MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


class ClipChoice(_Message):
    """Which clips. `clips`: that many, evenly spread; None: one every `stride` frames.

    `pad`: the last frame is repeated until the last clip is whole.
    """

    frame_rate: float | None
    stride: int
    clips: int | None = None
    pad: bool = False


class Job(ClipChoice):
    """What a child is asked to do: decode `path` and cut it into clips of this format.

    `more`: other choices of clips, cut while the video is decoded once. `start`, `end`: seconds. `nvdec`: a connection
    to the process that drives NVDEC comes with the job.
    """

    more: tuple[ClipChoice, ...] = ()
    path: str
    frames: int
    height: int
    width: int
    resize_height: int
    resize_width: int
    top: int
    left: int
    start: float = 0.0
    end: float | None = None
    max_frames: int
    max_frame_pixels: int
    memory_bytes: int
    seconds: float
    threads: int = 1
    require_sandbox: bool = False
    nvdec: bool = False

    @property
    def samplings(self) -> tuple[ClipChoice, ...]:
        """Every choice of clips."""
        return (self, *self.more)

    @property
    def crop(self) -> CropFormat:
        """What is kept of a frame."""
        return CropFormat(self.resize_height, self.resize_width, self.top, self.left, self.height, self.width)

    @property
    def clip_bytes(self) -> int:
        """Size of a clip's frames."""
        return self.frames * self.height * self.width * 3
