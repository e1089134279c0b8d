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
from .needed import alone, reason_to_build
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
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Not where an engine that fits is there; one builder at a time.")
    ] = False

    @property
    def runtime(self) -> Runtime | None:
        """What the engine is for, if there is to be one."""
        return Runtime(self.engine.value.replace("-", "_")) if self.engine is not None else None


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
    options = BuildOptions(
        name=name or output.resolve().name,
        clip=ClipFormat(frames=sampling.clip_frames, **({} if normalize else NOT_NORMALISED)),
        labels=read_labels(labels) if labels else None,
        precisions=precision.precisions,
        sampling=sampling.sampling,
    )
    if not tensorrt.if_needed:
        _build(weights, output, options, precision, tensorrt)
        return
    if tensorrt.runtime is None:
        raise typer.BadParameter("--if-needed: it is about an engine: --engine")
    with alone(output):
        reason = reason_to_build(output, weights, precision.precision.value, tensorrt.runtime.value, find_serving())
        if reason is None:
            console.print(f"{output}: an engine that fits is there", soft_wrap=True)
        else:
            console.print(reason, soft_wrap=True, markup=False, highlight=False)
            _build(weights, output, options, precision, tensorrt)


def _build(
    weights: Path, output: Path, options: BuildOptions, precision: PrecisionOptions, tensorrt: TensorRtOptions
) -> None:
    serving = find_serving() if tensorrt.engine is not None and tensorrt.verify else None
    found = read_weights(weights)
    manifest = build_from(found, sha256_of(weights), output, options)
    print_ignored(found.ignored)
    console.print(f"{output}: {manifest.architecture}, {len(manifest.labels)} classes", soft_wrap=True)
    calibrated = add_integers(output, precision)
    if tensorrt.runtime is not None:
        engine = EngineOptions(tensorrt.runtime, tensorrt.max_batch, tensorrt.portable)
        add_tensorrt(output, precision.precision, engine, serving, calibrated, tensorrt.verify_with or ())


def bundled(output: Annotated[Path, typer.Option("--output", "-o", help="The model directory to write.")]) -> None:
    """Make a model directory of the camera-motion model that comes with this package."""
    labels = read_labels(LABELS)
    options = BuildOptions(name="camera-motion", labels=labels, sampling=Sampling(threshold=SURE))
    build_model(WEIGHTS, output, options)
