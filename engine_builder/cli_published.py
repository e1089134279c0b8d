"""The commands of `r3d-engine` that begin with torchvision's published weights."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .build import BuildOptions, build_model
from .checkpoints.load import load_checkpoint
from .cli_added import add_integers, print_ignored
from .cli_options import PrecisionOptions, SamplingOptions
from .clips import ClipFormat
from .errors import CheckpointError
from .published.fetch import cached_model, fetch_weights
from .wts import write_wts

console, messages = Console(), Console(stderr=True)


class Architecture(StrEnum):
    """What torchvision publishes weights for."""

    r3d_18 = "r3d_18"
    mc3_18 = "mc3_18"
    r2plus1d_18 = "r2plus1d_18"


def export(
    architecture: Architecture,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .wts file to write.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="A .pth, .pt or .safetensors file.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Write torchvision's published weights, or a checkpoint's, as .wts."""
    found = load_checkpoint(checkpoint or fetch_weights(architecture.value, messages))
    if found.network.architecture != architecture.value:
        raise CheckpointError(f"these are the weights of {found.network.architecture}, not {architecture.value}")
    print_ignored(found.ignored)
    tensors = found.tensors
    write_wts(output, tensors)
    console.print(f"{output}: {len(tensors)} tensors, {sum(t.size for t in tensors.values())} values", soft_wrap=True)


def fetch(
    architecture: Architecture,
    sampling: SamplingOptions,
    precision: PrecisionOptions,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The model directory to write. Default: in the user's cache.")
    ] = None,
) -> None:
    """Make a model directory of torchvision's published Kinetics-400 weights, downloaded the first time."""
    if output is None and sampling != SamplingOptions():
        raise typer.BadParameter("name a directory with -o: the one in the cache has the default sampling")
    weights = fetch_weights(architecture.value, messages)
    directory = output or cached_model(architecture.value)
    clip = ClipFormat(frames=sampling.clip_frames)
    options = BuildOptions(architecture.value, clip, precisions=precision.precisions, sampling=sampling.sampling)
    build_model(weights, directory, options)
    add_integers(directory, precision, messages)
    print(directory)
