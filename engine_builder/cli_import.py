"""`r3d-engine import`."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .build import read_labels
from .cli_added import add_integers
from .cli_options import Precision, PrecisionOptions, SamplingOptions
from .clips import ClipFormat
from .imported import ImportOptions, import_onnx

console = Console()

SIZE = re.compile(r"(\d+)(?:x(\d+))?")
NUMBERS = "R,G,B"


def _resize(text: str) -> tuple[int, int]:
    found = SIZE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is neither PIXELS nor WIDTHxHEIGHT")
    return int(found[1]), int(found[2] or found[1])


def _colour(text: str) -> tuple[float, ...]:
    try:
        red, green, blue = map(float, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not three numbers, as 0.45,0.45,0.45") from error
    return red, green, blue


def import_model(
    model: Annotated[Path, typer.Argument(help="An .onnx file.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")],
    sampling: SamplingOptions,
    precision: PrecisionOptions,
    labels: Annotated[Path | None, typer.Option(help="One label a line. Default: Kinetics-400's.")] = None,
    size: Annotated[int | None, typer.Option(min=16, max=1024, help="Side of a frame. Default: the graph's.")] = None,
    resize: Annotated[
        str | None, typer.Option(metavar="PIXELS|WxH", help="What a frame is resized to first. Default: 8/7 of --size.")
    ] = None,
    mean: Annotated[str | None, typer.Option(metavar=NUMBERS, help="Default: Kinetics'.")] = None,
    std: Annotated[str | None, typer.Option(metavar=NUMBERS, help="Default: Kinetics'.")] = None,
    name: Annotated[str | None, typer.Option(help="Default: the name of the output directory.")] = None,
) -> None:
    """Make a model directory of an ONNX video classifier.

    It takes N x 3 x T x H x W or N x T x 3 x H x W floats and gives logits or probabilities.
    """
    if precision.precision is Precision.fp16:
        raise typer.BadParameter("an imported network stays in the precision of its file; --precision int8 adds to it")
    options = ImportOptions(
        name=name or output.resolve().name,
        labels=read_labels(labels) if labels else None,
        frames=sampling.frames,
        size=size,
        resize=_resize(resize) if resize else None,
        mean=_colour(mean) if mean else ClipFormat().mean,
        std=_colour(std) if std else ClipFormat().std,
        sampling=sampling.sampling,
    )
    manifest = import_onnx(model, output, options)
    clip = manifest.clip
    shown = f"{clip.frames} frames of {clip.width} x {clip.height}, {len(manifest.labels)} classes, verified"
    console.print(f"{output}: {manifest.architecture}, {shown}", soft_wrap=True)
    add_integers(output, precision)
