"""What every command over many files is asked with, in typer's terms."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from engine_builder.manifest import MAX_SPREAD_CLIPS, MAX_STRIDE, Aggregate, Tail

from ..classification.query import Query
from .inputs import Inputs
from .outcome import Options

Videos = Annotated[
    list[str] | None,
    typer.Argument(
        help="Video files; folders, for the videos in them; patterns in quotes; - is a video on standard input."
    ),
]
Listed = Annotated[
    Path | None, typer.Option("--from", help="A list of files and folders, one a line; - is standard input.")
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Folders within folders too.")]
TopK = Annotated[int | None, typer.Option(min=1, help="Labels listed per clip. Default: 5.")]
FrameRate = Annotated[float | None, typer.Option(min=0.001, max=1000, help="Resample to this rate.")]
Clips = Annotated[str | None, typer.Option(metavar="N|all", help="That many clips, spread over the video.")]
Stride = Annotated[int | None, typer.Option(min=1, max=MAX_STRIDE, help="Frames from clip to clip.")]
Start = Annotated[float | None, typer.Option(min=0, help="Seconds of the video to start from.")]
End = Annotated[float | None, typer.Option(min=0, help="Seconds of the video to end before.")]
TailChoice = Annotated[Tail | None, typer.Option(help="What becomes of frames that fill no clip.")]
AggregateChoice = Annotated[Aggregate | None, typer.Option(help="What decides the label.")]
Threshold = Annotated[float | None, typer.Option(min=0, max=1, help="Clips less sure are in no segment.")]
Embedding = Annotated[bool, typer.Option("--embedding", help="Each clip's features, in JSON lines.")]

# How such a command ends.
SOME_FAILED = 1
BAD_USAGE = 2
CANNOT_START = 3


def inputs_of(videos: Videos = None, manifest: Listed = None, recursive: Recursive = False) -> Inputs:
    """What a run is about. Raises typer.BadParameter where nothing is named."""
    if not videos and manifest is None:
        raise typer.BadParameter("name a video or a folder of them, or a list with --from")
    return Inputs(videos or [], manifest, recursive)


def options_of(
    top_k: TopK = None,
    frame_rate: FrameRate = None,
    clips: Clips = None,
    stride: Stride = None,
    start: Start = None,
    end: End = None,
    tail: TailChoice = None,
    aggregate: AggregateChoice = None,
    threshold: Threshold = None,
    embedding: Embedding = False,
) -> Options:
    """What is wanted of each file. Raises typer.BadParameter."""
    if end is not None and end <= (start or 0.0):
        raise typer.BadParameter("it must be after --start", param_hint="--end")
    query = Query(frame_rate, clips_of(clips), stride, tail, aggregate, threshold, start, end, embedding)
    return Options(top_k, query)


def asking(**makers: Callable[..., object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command that typer asks, in place of each parameter named here, for those of the function that makes it."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        asked = {name: inspect.signature(maker, eval_str=True).parameters for name, maker in makers.items()}

        @wraps(command)
        def run(**given: Any) -> None:
            made = {name: maker(**{each: given.pop(each) for each in asked[name]}) for name, maker in makers.items()}
            command(**given, **made)

        parts = [part for name, part in own.parameters.items() for part in asked.get(name, {name: part}).values()]
        # By name, as the order of parameters with defaults and without is that of the help.
        named = [part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in parts]
        run.__signature__ = own.replace(parameters=named)  # type: ignore[attr-defined]
        return run

    return decorate


def clips_of(text: str | None) -> int | Literal["all"] | None:
    """The value of `Clips`. Raises typer.BadParameter."""
    if text is None or text == "all":
        return text  # type: ignore[return-value]
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SPREAD_CLIPS:
        raise typer.BadParameter(f"a number from 1 to {MAX_SPREAD_CLIPS}, or all", param_hint="--clips")
    return int(text)


def ended(program: str, error: Exception, status: int) -> typer.Exit:
    """The end of a program, with `status`, for a reason that is told."""
    typer.echo(f"{program}: {_told(error)}", err=True)
    return typer.Exit(status)


def _told(error: Exception) -> str:
    """What is said of an error that ends a command: of a file, its name too."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
