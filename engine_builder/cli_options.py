"""Options that `build`, `fetch` and `import` of `r3d-engine` share: which clips are classified, in which precision."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .clips import MAX_SPREAD_CLIPS, MAX_STRIDE, Sampling
from .clips import Aggregate as AggregateName
from .clips import Tail as TailName
from .manifest import Precision as PrecisionName
from .quantization.publish import MAX_DIFFERENCE
from .sampling import PRESETS, PresetName
from .verify import TOLERANCE

CLIPS_PER_VIDEO = 8  # to verify with

FrameRate = Annotated[float | None, typer.Option(min=0.001, max=1000, help="Frames a second.")]
Clips = Annotated[int | None, typer.Option(min=1, max=MAX_SPREAD_CLIPS, help="So many a video, spread evenly.")]
Stride = Annotated[int | None, typer.Option(min=1, max=MAX_STRIDE, help="Frames from clip to clip.")]
Tail = Annotated[TailName | None, typer.Option(help="What becomes of frames that fill no clip.")]
Aggregate = Annotated[AggregateName | None, typer.Option(help="What decides the label.")]
Tolerances = Annotated[
    list[str] | None,
    typer.Option(
        "--tolerance",
        metavar="PRECISION=NUMBER",
        help="Largest difference of a probability, such as fp16=0.05; may be given again. "
        + "Default: what rounding explains in each, "
        + ", ".join(f"{name}={value:g}" for name, value in TOLERANCE.items())
        + ".",
    ),
]
Threshold = Annotated[float | None, typer.Option(min=0, max=1, help="Clips less sure are in no segment.")]
Frames = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="Frames a clip. Default: the preset's; of an imported network its graph's."),
]
Preset = Annotated[PresetName, typer.Option(help="torchvision: 16 frames at 15 a second, 5 clips a video, their mean.")]


@dataclass(frozen=True)
class SamplingOptions:
    """Which clips of a video are classified: what is given goes before the preset."""

    frames: Frames = None
    preset: Preset = PresetName.default
    frame_rate: FrameRate = None
    clips: Clips = None
    stride: Stride = None
    tail: Tail = None
    aggregate: Aggregate = None
    threshold: Threshold = None

    @property
    def clip_frames(self) -> int:
        """Frames of a clip, where no graph decides."""
        return self.frames or PRESETS[self.preset].frames

    @property
    def sampling(self) -> Sampling:
        """As it goes into the manifest."""
        return PRESETS[self.preset].sampling.having(
            frame_rate=self.frame_rate,
            clips=self.clips,
            stride=self.stride,
            tail=self.tail,
            aggregate=self.aggregate,
            threshold=self.threshold,
        )


class Precision(StrEnum):
    """Of the convolutions."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


@dataclass(frozen=True)
class PrecisionOptions:
    """In what the network is stored besides fp32. Raises BadParameter for int8 without videos, or these without it."""

    precision: Annotated[
        Precision, typer.Option(help="fp16 adds a half-precision network, int8 one of integers (needs --calibrate).")
    ] = Precision.fp32
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(help="For int8: a video, a folder, or a .txt file of names; may be given again.", exists=True),
    ] = None
    max_difference: Annotated[
        float, typer.Option(min=0, max=1, help="For int8: largest difference of a probability from fp32's.")
    ] = MAX_DIFFERENCE

    def __post_init__(self) -> None:
        if (self.precision is Precision.int8) != bool(self.calibrate):
            raise typer.BadParameter("--precision int8 and --calibrate go together")

    @property
    def precisions(self) -> tuple[PrecisionName, ...]:
        """The precisions that are made of the weights themselves."""
        return ("fp32", "fp16") if self.precision is Precision.fp16 else ("fp32",)


def tolerances(given: list[str] | None) -> dict[str, float]:
    """The largest differences by precision, the defaults where none is given. Raises typer.BadParameter."""
    found = dict(TOLERANCE)
    for each in given or ():
        name, _, value = each.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if name not in found or not 0 <= number <= 1:
            raise typer.BadParameter(f"{each!r} is no precision and number from 0 to 1, such as fp16=0.05")
        found[name] = number
    return found
