"""`r3d-engine`: export weights, build, inspect and verify model directories."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from .build import BuildOptions, build_model, read_labels
from .camera_motion import LABELS, WEIGHTS
from .checkpoint import load_checkpoint, load_pretrained
from .errors import BuildError
from .manifest import ClipFormat, Manifest
from .sample_clips import made_up_clips, video_clips
from .tensorrt.build import EngineOptions, Runtime, describe_engine, load_runtime
from .tensorrt.build import Progress as BuildProgress
from .tensorrt.publish import add_engine, verify_engines
from .verify import verify_model
from .wts import write_wts

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

SHOWN_LABELS = 4

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


@app.command()
def export(
    architecture: Architecture,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .wts file to write.")],
    checkpoint: Annotated[Path | None, typer.Option(help="A fine-tuned .pth or .pt file.", exists=True)] = None,
) -> None:
    """Write torchvision's pretrained weights, or a checkpoint's, as .wts (needs the `torch` extra)."""
    if checkpoint is None:
        tensors = load_pretrained(architecture.value)
    else:
        tensors = load_checkpoint(checkpoint, architecture.value)
    write_wts(output, tensors)
    console.print(f"{output}: {len(tensors)} tensors, {sum(t.size for t in tensors.values())} values", soft_wrap=True)


@app.command()
def build(
    weights: Annotated[Path, typer.Argument(help="The .wts file.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")],
    labels: Annotated[Path | None, typer.Option(help="One label a line. Default: Kinetics-400's.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=1024, help="Frames a clip.")] = 32,
    name: Annotated[str | None, typer.Option(help="Default: the name of the output directory.")] = None,
    normalize: Annotated[bool, typer.Option(help="Apply Kinetics' mean and standard deviation.")] = True,
    precision: Annotated[Precision, typer.Option(help="fp16 adds a half-precision network.")] = Precision.fp32,
    engine: Annotated[EngineKind | None, typer.Option(help="Build a TensorRT engine too.")] = None,
    max_batch: Annotated[int, typer.Option(min=1, max=1024, help="Largest batch of the engine.")] = 32,
    portable: Annotated[bool, typer.Option("--portable", help="For other GPUs (Ampere and later) too.")] = False,
    verify: Annotated[bool, typer.Option(help="Run the engine against the reference first.")] = True,
) -> None:
    """Make a model directory the service can load: the ONNX network, the manifest and, if asked for, an engine."""
    clip = ClipFormat(frames=frames) if normalize else ClipFormat(frames=frames, **NOT_NORMALISED)
    options = BuildOptions(
        name=name or output.resolve().name,
        clip=clip,
        labels=read_labels(labels) if labels else None,
        precisions=("fp32", "fp16") if precision is Precision.fp16 else ("fp32",),
    )
    manifest = build_model(weights, output, options)
    console.print(f"{output}: {manifest.architecture}, {len(manifest.labels)} classes", soft_wrap=True)
    if engine is not None:
        runtime = EngineOptions(Runtime(engine.value.replace("-", "_")), max_batch, portable)
        clips = made_up_clips(clip) if verify else None
        with Progress(console=console, transient=True) as shown:
            built = add_engine(output, precision.value, runtime, clips, _show(shown))
        console.print(f"{output}/{built.file}: {built.runtime} {built.runtime_version}", soft_wrap=True)


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
    clip = manifest.clip
    rows = {
        "name": manifest.name,
        "architecture": manifest.architecture,
        "classes": f"{len(manifest.labels)}: {', '.join(manifest.labels[:SHOWN_LABELS])}, …",
        "clip": f"{clip.frames} frames",
        "picture": f"{clip.resize_width} x {clip.resize_height}, of it the middle {clip.width} x {clip.height}",
        "normalisation": f"mean {clip.mean}, std {clip.std}",
        "frame rate": f"{clip.frame_rate:g}" if clip.frame_rate else "the video's own",
        "weights": manifest.weights_sha256,
    }
    rows |= {f"ONNX {precision}": f"{entry.file} {entry.sha256}" for precision, entry in manifest.onnx.items()}
    for key, value in rows.items():
        console.print(f"{key:14} {value}", soft_wrap=True, markup=False, highlight=False)
    for engine in manifest.engines:
        for field, value in engine.model_dump().items():
            console.print(f"{engine.file} {field}: {value}", soft_wrap=True, markup=False, highlight=False)
        if verbose:
            print(describe_engine(load_runtime(Runtime(engine.runtime)), directory / engine.file))


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="A model directory.")],
    videos: Annotated[list[Path] | None, typer.Argument(help="Default: made-up clips.", exists=True)] = None,
) -> None:
    """Check the files, and every network on every installed runtime, and every engine, against the fp32 reference."""
    clip = Manifest.load(directory).clip
    clips = np.concatenate([video_clips(video, clip) for video in videos]) if videos else made_up_clips(clip)
    results = verify_model(directory, clips)
    table = Table("runtime", "precision", "clips", "largest difference", "top-1 agreement", "NaN", "")
    for result in results:
        got = result.measured
        figures = (str(got.clips), f"{got.max_abs_difference:.2e}", f"{got.top1_agreement:.1%}", str(got.nan_count))
        table.add_row(result.runtime, result.precision, *figures, "good" if result.good else "BAD")
    console.print(table)
    if not all(result.good for result in results):
        raise typer.Exit(1)
    for result in verify_engines(directory, clips):
        got = result.measured
        console.print(f"{result.runtime} {result.precision}: {got.model_dump()}", soft_wrap=True, highlight=False)


def main() -> None:
    """Entry point: errors of the builder are one line and exit status 1."""
    try:
        app()
    except BuildError as error:
        Console(stderr=True).print(f"r3d-engine: {error}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error
