"""Presets of a model's sampling."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .manifest import Sampling


@dataclass(frozen=True)
class Preset:
    """Frames of a clip, and which clips."""

    frames: int
    sampling: Sampling


class PresetName(StrEnum):
    """The presets by name."""

    default = "default"
    torchvision = "torchvision"


PRESETS: Mapping[PresetName, Preset] = {
    # r3d_TensorRT's: whole clips, one after the other, and the majority.
    PresetName.default: Preset(32, Sampling()),
    # What torchvision's published accuracies were measured with: `--clip-len 16 --frame-rate 15 --clips-per-video 5`
    # (https://github.com/pytorch/vision/tree/main/references/video_classification).
    PresetName.torchvision: Preset(16, Sampling(frame_rate=15, clips=5, aggregate="mean")),
}
