"""`r3d-engine`: export weights, build, inspect and verify model directories."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from .build import BuildOptions, build_from, build_model, read_labels
from .camera_motion import LABELS, WEIGHTS
from .checkpoints.load import load_checkpoint
from .checkpoints.state_dict import shorten
from .errors import BuildError, CheckpointError
from .files import sha256_of
from .manifest import ClipFormat, Manifest
from .published.fetch import cached_model, fetch_weights
from .quantization.calibration import videos_in
from .quantization.publish import MAX_DIFFERENCE, Judgement, add_int8
from .report import judgement_table, manifest_lines, tuning_table, verification_lines, verification_table
from .sample_clips import made_up_clips
from .serving import find_serving
from .tensorrt.build import EngineOptions, Runtime, describe_engine, load_runtime
from .tensorrt.build import Progress as BuildProgress
from .tensorrt.publish import add_engine
from .verify import verify_model
from .weights import read_weights
from .wts import write_wts

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

CLIPS_PER_VIDEO = 8

NOT_NORMALISED: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class Architecture(StrEnum):
    """What torchvision publishes weights for."""

    r3d_18 = "r3d_18"
    mc3_18 = "mc3_18"
    r2plus1d_18 = "r2plus1d_18"


class EngineKind(StrEnum):
    """Which TensorRT."""

    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt-rtx"


class Precision(StrEnum):
    """Of the convolutions."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


@app.command()
def export(
    architecture: Architecture,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .wts file to write.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="A .pth, .pt or .safetensors file.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Write torchvision's published weights, or a checkpoint's, as .wts."""
    found = load_checkpoint(checkpoint or fetch_weights(architecture.value, Console(stderr=True)))
    if found.network.architecture != architecture.value:
        raise CheckpointError(f"these are the weights of {found.network.architecture}, not {architecture.value}")
    _print_ignored(found.ignored)
    tensors = found.tensors
    write_wts(output, tensors)
    console.print(f"{output}: {len(tensors)} tensors, {sum(t.size for t in tensors.values())} values", soft_wrap=True)


@app.command()
def fetch(
    architecture: Architecture,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The model directory to write. Default: in the user's cache.")
    ] = None,
) -> None:
    """Make a model directory of torchvision's published Kinetics-400 weights, downloaded the first time."""
    weights = fetch_weights(architecture.value, Console(stderr=True))
    directory = output or cached_model(architecture.value)
    build_model(weights, directory, BuildOptions(name=architecture.value))
    print(directory)


@app.command()
def build(
    weights: Annotated[
        Path, typer.Argument(help="A .pth, .pt, .safetensors or .wts file.", exists=True, dir_okay=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")],
    labels: Annotated[Path | None, typer.Option(help="One label a line. Default: Kinetics-400's.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=1024, help="Frames a clip.")] = 32,
    name: Annotated[str | None, typer.Option(help="Default: the name of the output directory.")] = None,
    normalize: Annotated[bool, typer.Option(help="Apply Kinetics' mean and standard deviation.")] = True,
    precision: Annotated[
        Precision, typer.Option(help="fp16 adds a half-precision network, int8 one of integers (needs --calibrate).")
    ] = Precision.fp32,
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(help="For int8: a video, a folder, or a .txt file of names; may be given again.", exists=True),
    ] = None,
    max_difference: Annotated[
        float, typer.Option(min=0, max=1, help="For int8: largest difference of a probability from fp32's.")
    ] = MAX_DIFFERENCE,
    engine: Annotated[EngineKind | None, typer.Option(help="Build a TensorRT engine too.")] = None,
    max_batch: Annotated[int, typer.Option(min=1, max=1024, help="Largest batch of the engine.")] = 32,
    portable: Annotated[bool, typer.Option("--portable", help="For other GPUs (Ampere and later) too.")] = False,
    verify: Annotated[bool, typer.Option(help="Run the engine against the reference first.")] = True,
) -> None:
    """Make a model directory the service can load: the ONNX network, the manifest and, if asked for, an engine."""
    if (precision is Precision.int8) != bool(calibrate):
        raise typer.BadParameter("--precision int8 and --calibrate go together")
    serving = find_serving() if (engine is not None and verify) or calibrate else None
    clip = ClipFormat(frames=frames) if normalize else ClipFormat(frames=frames, **NOT_NORMALISED)
    options = BuildOptions(
        name=name or output.resolve().name,
        clip=clip,
        labels=read_labels(labels) if labels else None,
        precisions=("fp32", "fp16") if precision is Precision.fp16 else ("fp32",),
    )
    found = read_weights(weights)
    manifest = build_from(found, sha256_of(weights), output, options)
    _print_ignored(found.ignored)
    console.print(f"{output}: {manifest.architecture}, {len(manifest.labels)} classes", soft_wrap=True)
    if calibrate and serving is not None:
        add_int8(output, videos_in(calibrate), serving, max_difference, _print_judgement)
    if engine is not None:
        runtime = EngineOptions(Runtime(engine.value.replace("-", "_")), max_batch, portable)
        with Progress(console=console, transient=True) as shown:
            built = add_engine(output, precision.value, runtime, serving, _show(shown))
        console.print(f"{output}/{built.file}: {built.runtime} {built.runtime_version}", soft_wrap=True)


def _print_ignored(keys: tuple[str, ...]) -> None:
    if keys:
        console.print(f"ignored: {shorten(keys)}", soft_wrap=True, markup=False, highlight=False)


def _print_judgement(judgement: Judgement) -> None:
    console.print(judgement_table(judgement))


def _show(shown: Progress) -> BuildProgress:
    tasks: dict[str, TaskID] = {}

    def step(phase: str, done: int, total: int) -> None:
        if phase not in tasks:
            tasks[phase] = shown.add_task(phase, total=total)
        shown.update(tasks[phase], completed=done, total=total)

    return step


@app.command()
def bundled(output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")]) -> None:
    """Make a model directory of the camera-motion model that comes with this package."""
    labels = read_labels(LABELS)
    build_model(WEIGHTS, output, BuildOptions(name="camera-motion", labels=labels))


@app.command()
def inspect(
    directory: Annotated[Path, typer.Argument(help="A model directory.")],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Each engine's layers too (needs its GPU).")] = False,
) -> None:
    """Show what a model directory holds."""
    manifest = Manifest.load(directory)
    for line in manifest_lines(manifest):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    for engine in manifest.engines if verbose else ():
        print(describe_engine(load_runtime(Runtime(engine.runtime)), directory / engine.file))


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="A model directory.")],
    videos: Annotated[list[Path] | None, typer.Argument(help="Default: made-up clips.", exists=True)] = None,
) -> None:
    """Check the files, and every backend that could serve the model here, as it would, against the fp32 reference."""
    clip = Manifest.load(directory).clip
    serving = find_serving()
    found = [serving.clips(video, clip, CLIPS_PER_VIDEO) for video in videos or ()]
    results = verify_model(directory, np.concatenate(found) if found else made_up_clips(clip), serving)
    console.print(verification_table(results))
    for line in verification_lines(results):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if any(result.problem is not None for result in results):
        raise typer.Exit(1)


@app.command()
def tune(directory: Annotated[Path, typer.Argument(help="A model directory.")]) -> None:
    """Measure again which way to run the model is the fastest on this machine; the service takes it from then on."""
    seconds = find_serving().measure(directory, Manifest.load(directory))
    console.print(tuning_table(seconds))


def main() -> None:
    """Entry point: errors of the builder and of the file system are one line and exit status 1."""
    try:
        app()
    except (BuildError, OSError) as error:
        told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        Console(stderr=True).print(f"r3d-engine: {told}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error
