"""The commands of `r3d-engine` that look at a model directory."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from .cli_options import Tolerances, tolerances
from .manifest import Manifest, checked_content
from .report import manifest_lines, tuning_table, verification_lines, verification_table
from .sample_clips import made_up_clips
from .serving import find_serving
from .tensorrt.build import Runtime, load_runtime
from .verify import verify_model

console = Console()

CLIPS_PER_VIDEO = 8


def inspect(
    directory: Annotated[Path, typer.Argument(help="A model directory.")],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Each engine's layers too (needs its GPU).")] = False,
) -> None:
    """Show what a model directory holds."""
    manifest = Manifest.load(directory)
    for line in manifest_lines(manifest):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    for engine in manifest.engines if verbose else ():
        trt, content = load_runtime(Runtime(engine.runtime)), checked_content(directory, engine)
        opened = find_serving().open_engine(trt, content, engine, manifest)
        with opened as session:
            print(session.layers())


def verify(
    directory: Annotated[Path, typer.Argument(help="A model directory.")],
    videos: Annotated[list[Path] | None, typer.Argument(help="Default: made-up clips.", exists=True)] = None,
    tolerance: Tolerances = None,
) -> None:
    """Check the files, and every backend that could serve the model here, as it would, against the fp32 reference.

    Each clip is run alone and in the largest batch.
    """
    allowed = tolerances(tolerance)
    clip = Manifest.load(directory).clip
    serving = find_serving()
    found = [serving.clips(video, clip, CLIPS_PER_VIDEO) for video in videos or ()]
    clips = np.concatenate(found) if found else made_up_clips(clip)
    results = verify_model(directory, clips, serving, allowed)
    console.print(verification_table(results))
    for line in verification_lines(results):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if any(result.problem is not None for result in results):
        raise typer.Exit(1)


def tune(directory: Annotated[Path, typer.Argument(help="A model directory.")]) -> None:
    """Measure again which way to run the model is the fastest on this machine; the service takes it from then on."""
    seconds = find_serving().measure(directory, Manifest.load(directory))
    console.print(tuning_table(seconds))
