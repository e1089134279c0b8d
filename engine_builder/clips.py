"""What a clip is, and which clips of a video are classified: the part of a manifest that decoding goes by."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from .record import Record

# Clips as they go into the network: RGB, [T, H, W, 3] for one, [N, T, H, W, 3] for a batch.
Frames = npt.NDArray[np.uint8]
Rgb = tuple[float, float, float]
Tail = Literal["drop", "pad"]
Aggregate = Literal["vote", "mean"]
MAX_SPREAD_CLIPS = 100
MAX_STRIDE = 100_000


class ClipFormat(Record):
    """How a clip is cut and made ready for the network. Defaults: torchvision's transform for these weights."""

    frames: int = Field(default=32, ge=1, le=1024)
    height: int = Field(default=112, ge=16, le=1024)
    width: int = Field(default=112, ge=16, le=1024)
    resize_height: int = Field(default=128, ge=16, le=2048)
    resize_width: int = Field(default=171, ge=16, le=2048)
    mean: Rgb = (0.43216, 0.394666, 0.37645)
    std: Rgb = (0.22803, 0.22145, 0.216989)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of a clip's frames: [T, H, W, 3]."""
        return (self.frames, self.height, self.width, 3)

    @property
    def top(self) -> int:
        """Rows of the resized frame above the crop; rounds as torchvision's `center_crop` does."""
        return round((self.resize_height - self.height) / 2)

    @property
    def left(self) -> int:
        """Columns of the resized frame left of the crop."""
        return round((self.resize_width - self.width) / 2)

    @model_validator(mode="after")
    def _crop_fits(self) -> "ClipFormat":
        if self.height > self.resize_height or self.width > self.resize_width:
            raise ValueError("the crop is larger than the resized frame")
        if not all(value > 0 for value in self.std):
            raise ValueError("std must be positive")
        return self


class Sampling(Record):
    """Which clips of a video are classified, and what its label is by them.

    `frame_rate`: frames a second before clips are cut; None: the video's own. `clips`: that many, spread evenly as
    torchvision's `UniformClipSampler` does; None: one every `stride` frames. `stride`: frames, None: a clip's length,
    or 1 where `clips` is a number. `tail`: what becomes of frames that fill no clip. `aggregate`: what decides the
    label. `threshold`: a clip whose top probability is less is unsure, and in no segment.
    """

    frame_rate: float | None = Field(default=None, gt=0, le=1000)
    clips: int | None = Field(default=None, ge=1, le=MAX_SPREAD_CLIPS)
    stride: int | None = Field(default=None, ge=1, le=MAX_STRIDE)
    tail: Tail = "drop"
    aggregate: Aggregate = "vote"
    threshold: float = Field(default=0.0, ge=0, le=1)

    def having(self, **asked: object) -> "Sampling":
        """The same with what is asked, unless it is None, in its place. Raises ValidationError."""
        changes = {name: value for name, value in asked.items() if value is not None}
        return Sampling.model_validate(self.model_dump() | changes)

    def stride_of(self, clip_frames: int) -> int:
        """Frames from one clip's start to the next that is possible."""
        return self.stride or (clip_frames if self.clips is None else 1)
