"""The commands of `r3d-engine` that make a model directory of a file of weights."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .build import BuildOptions, build_from, build_model, read_labels
from .camera_motion import LABELS, SURE, WEIGHTS
from .cli_added import add_integers, add_tensorrt, print_ignored
from .cli_options import PrecisionOptions, SamplingOptions
from .clips import ClipFormat, Sampling
from .files import sha256_of
from .serving import find_serving
from .tensorrt.build import EngineOptions, Runtime
from .weights import read_weights

console = Console()

NOT_NORMALISED: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class EngineKind(StrEnum):
    """Which TensorRT."""

    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt-rtx"


@dataclass(frozen=True)
class TensorRtOptions:
    """The engine to build besides, if any."""

    engine: Annotated[EngineKind | None, typer.Option(help="Build a TensorRT engine too.")] = None
    max_batch: Annotated[int, typer.Option(min=1, max=1024, help="Largest batch of the engine.")] = 32
    portable: Annotated[bool, typer.Option("--portable", help="For other GPUs (Ampere and later) too.")] = False
    verify: Annotated[bool, typer.Option(help="Run the engine against the reference first.")] = True
    verify_with: Annotated[
        list[Path] | None,
        typer.Option(help="Video to verify the engine with (not of int8); may be given again.", exists=True),
    ] = None


def build(
    weights: Annotated[
        Path, typer.Argument(help="A .pth, .pt, .safetensors or .wts file.", exists=True, dir_okay=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")],
    sampling: SamplingOptions,
    precision: PrecisionOptions,
    tensorrt: TensorRtOptions,
    labels: Annotated[Path | None, typer.Option(help="One label a line. Default: Kinetics-400's.")] = None,
    name: Annotated[str | None, typer.Option(help="Default: the name of the output directory.")] = None,
    normalize: Annotated[bool, typer.Option(help="Apply Kinetics' mean and standard deviation.")] = True,
) -> None:
    """Make a model directory the service can load: the ONNX network, the manifest and, if asked for, an engine."""
    if tensorrt.verify_with and precision.calibrate:
        raise typer.BadParameter("--verify-with: an int8 engine is verified with clips of --calibrate")
    serving = find_serving() if tensorrt.engine is not None and tensorrt.verify else None
    options = BuildOptions(
        name=name or output.resolve().name,
        clip=ClipFormat(frames=sampling.clip_frames, **({} if normalize else NOT_NORMALISED)),
        labels=read_labels(labels) if labels else None,
        precisions=precision.precisions,
        sampling=sampling.sampling,
    )
    found = read_weights(weights)
    manifest = build_from(found, sha256_of(weights), output, options)
    print_ignored(found.ignored)
    console.print(f"{output}: {manifest.architecture}, {len(manifest.labels)} classes", soft_wrap=True)
    calibrated = add_integers(output, precision)
    if tensorrt.engine is not None:
        runtime = Runtime(tensorrt.engine.value.replace("-", "_"))
        engine = EngineOptions(runtime, tensorrt.max_batch, tensorrt.portable)
        add_tensorrt(output, precision.precision, engine, serving, calibrated, tensorrt.verify_with or ())


def bundled(output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")]) -> None:
    """Make a model directory of the camera-motion model that comes with this package."""
    labels = read_labels(LABELS)
    options = BuildOptions(name="camera-motion", labels=labels, sampling=Sampling(threshold=SURE))
    build_model(WEIGHTS, output, options)
