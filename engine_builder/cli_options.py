"""Options that several commands of `r3d-engine` have: which clips of a video are classified."""

from typing import Annotated

import typer

from .manifest import MAX_SPREAD_CLIPS, MAX_STRIDE
from .manifest import Aggregate as AggregateName
from .manifest import Tail as TailName
from .verify import TOLERANCE

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
