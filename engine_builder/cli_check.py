"""The commands of `r3d-engine` that look at a model directory."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from .cached import cache, cached_models
from .cli_options import CLIPS_PER_VIDEO, Tolerances, tolerances
from .manifest import Frames, Manifest, checked_content
from .report import manifest_lines, models_table, tuning_table, verification_lines, verification_table
from .sample_clips import made_up_clips
from .serving import find_serving
from .steps import Steps
from .tensorrt.build import Runtime, load_runtime
from .verify import verify_model

console = Console()


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
    found: list[Frames] = []
    with Steps(Console(stderr=True)) as step:
        for video in videos or ():
            step(f"decoding {video}")
            found.append(serving.clips(video, clip, CLIPS_PER_VIDEO))
        clips = np.concatenate(found) if found else made_up_clips(clip)
        results = verify_model(directory, clips, serving, allowed, step)
    console.print(verification_table(results))
    for line in verification_lines(results):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if any(result.problem is not None for result in results):
        raise typer.Exit(1)


def tune(directory: Annotated[Path, typer.Argument(help="A model directory.")]) -> None:
    """Measure again which way to run the model is the fastest on this machine; the service takes it from then on."""
    manifest = Manifest.load(directory)
    with Steps(Console(stderr=True)) as step:
        step("measuring every way to run the model here")
        seconds = find_serving().measure(directory, manifest)
    console.print(tuning_table(seconds))


def list_models() -> None:
    """Show the models in the user's cache, where the service finds them by name."""
    models = list(cached_models())
    if not models:
        console.print(f"no models in {cache()}; `r3d-engine fetch r3d_18` makes one", soft_wrap=True, markup=False)
        return
    console.print(models_table(models))
    for model in models:
        console.print(model.problem or str(model.directory), soft_wrap=True, markup=False, highlight=False)
