"""Options that several commands of `r3d-engine` have: which clips of a video are classified."""

from typing import Annotated

import typer

from .manifest import MAX_SPREAD_CLIPS, MAX_STRIDE
from .manifest import Aggregate as AggregateName
from .manifest import Tail as TailName

FrameRate = Annotated[float | None, typer.Option(min=0.001, max=1000, help="Frames a second.")]
Clips = Annotated[int | None, typer.Option(min=1, max=MAX_SPREAD_CLIPS, help="So many a video, spread evenly.")]
Stride = Annotated[int | None, typer.Option(min=1, max=MAX_STRIDE, help="Frames from clip to clip.")]
Tail = Annotated[TailName | None, typer.Option(help="What becomes of frames that fill no clip.")]
Aggregate = Annotated[AggregateName | None, typer.Option(help="What decides the label.")]
Threshold = Annotated[float | None, typer.Option(min=0, max=1, help="Clips less sure are in no segment.")]
