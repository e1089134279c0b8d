"""The commands of `r3d-engine` that make something."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from .build import BuildOptions, build_from, build_model, read_labels
from .camera_motion import LABELS, SURE, WEIGHTS
from .checkpoints.load import load_checkpoint
from .checkpoints.state_dict import shorten
from .cli_options import Aggregate, Clips, FrameRate, Stride, Tail, Threshold
from .errors import CheckpointError
from .files import sha256_of
from .manifest import ClipFormat, Sampling
from .published.fetch import cached_model, fetch_weights
from .quantization.calibration import videos_in
from .quantization.publish import MAX_DIFFERENCE, Judgement, add_int8
from .report import judgement_table
from .sampling import PRESETS, PresetName
from .serving import find_serving
from .tensorrt.build import EngineOptions, Runtime
from .tensorrt.build import Progress as BuildProgress
from .tensorrt.publish import add_engine
from .weights import read_weights
from .wts import write_wts

console = Console()

CLIPS_PER_VIDEO = 8  # to verify an engine with

NOT_NORMALISED: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}

PresetOption = Annotated[
    PresetName, typer.Option(help="torchvision: 16 frames at 15 a second, 5 clips a video, their mean.")
]


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


def fetch(
    architecture: Architecture,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The model directory to write. Default: in the user's cache.")
    ] = None,
    preset: PresetOption = PresetName.default,
) -> None:
    """Make a model directory of torchvision's published Kinetics-400 weights, downloaded the first time."""
    if output is None and preset is not PresetName.default:
        raise typer.BadParameter("name a directory with -o: the one in the cache has the default sampling")
    weights = fetch_weights(architecture.value, Console(stderr=True))
    directory = output or cached_model(architecture.value)
    chosen = PRESETS[preset]
    clip = ClipFormat(frames=chosen.frames)
    build_model(weights, directory, BuildOptions(architecture.value, clip, sampling=chosen.sampling))
    print(directory)


def build(
    weights: Annotated[
        Path, typer.Argument(help="A .pth, .pt, .safetensors or .wts file.", exists=True, dir_okay=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")],
    labels: Annotated[Path | None, typer.Option(help="One label a line. Default: Kinetics-400's.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, max=1024, help="Frames a clip. Default: the preset's.")] = None,
    preset: PresetOption = PresetName.default,
    frame_rate: FrameRate = None,
    clips: Clips = None,
    stride: Stride = None,
    tail: Tail = None,
    aggregate: Aggregate = None,
    threshold: Threshold = None,
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
    verify_with: Annotated[
        list[Path] | None, typer.Option(help="Video to verify the engine with; may be given again.", exists=True)
    ] = None,
) -> None:
    """Make a model directory the service can load: the ONNX network, the manifest and, if asked for, an engine."""
    if (precision is Precision.int8) != bool(calibrate):
        raise typer.BadParameter("--precision int8 and --calibrate go together")
    serving = find_serving() if (engine is not None and verify) or calibrate else None
    clip = ClipFormat(frames=frames or PRESETS[preset].frames, **({} if normalize else NOT_NORMALISED))
    asked = {"frame_rate": frame_rate, "clips": clips, "stride": stride}
    sampling = PRESETS[preset].sampling.having(**asked, tail=tail, aggregate=aggregate, threshold=threshold)
    options = BuildOptions(
        name=name or output.resolve().name,
        clip=clip,
        labels=read_labels(labels) if labels else None,
        precisions=("fp32", "fp16") if precision is Precision.fp16 else ("fp32",),
        sampling=sampling,
    )
    found = read_weights(weights)
    manifest = build_from(found, sha256_of(weights), output, options)
    _print_ignored(found.ignored)
    console.print(f"{output}: {manifest.architecture}, {len(manifest.labels)} classes", soft_wrap=True)
    if calibrate and serving is not None:
        add_int8(output, videos_in(calibrate), serving, max_difference, _print_judgement)
    if engine is not None:
        runtime = EngineOptions(Runtime(engine.value.replace("-", "_")), max_batch, portable)
        real = [serving.clips(video, clip, CLIPS_PER_VIDEO) for video in verify_with or () if serving is not None]
        with Progress(console=console, transient=True) as shown:
            clips_of = np.concatenate(real) if real else None
            built = add_engine(output, precision.value, runtime, serving, _show(shown), clips_of)
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


def bundled(output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")]) -> None:
    """Make a model directory of the camera-motion model that comes with this package."""
    labels = read_labels(LABELS)
    options = BuildOptions(name="camera-motion", labels=labels, sampling=Sampling(threshold=SURE))
    build_model(WEIGHTS, output, options)
