"""What the commands of `r3d-engine` add to a model directory once its fp32 network is there, and what they print."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID

from .checkpoints.state_dict import shorten
from .cli_options import CLIPS_PER_VIDEO, Precision, PrecisionOptions
from .manifest import Manifest
from .quantization.calibration import Calibrated, calibrate, videos_in
from .quantization.publish import add_int8
from .report import judgement_table
from .serving import Serving, find_serving
from .tensorrt.build import EngineOptions
from .tensorrt.build import Progress as BuildProgress
from .tensorrt.publish import add_engine

console = Console()


def add_integers(directory: Path, options: PrecisionOptions, shown: Console = console) -> Calibrated | None:
    """An int8 network, if one is asked for, and what it was made from. Shows how it was judged. Raises BuildError."""
    if not options.calibrate:
        return None
    calibrated = calibrate(directory, videos_in(options.calibrate), find_serving())
    add_int8(directory, calibrated, options.max_difference, lambda judged: shown.print(judgement_table(judged)))
    return calibrated


def add_tensorrt(
    directory: Path,
    precision: Precision,
    options: EngineOptions,
    serving: Serving | None,
    calibrated: Calibrated | None,
    videos: Sequence[Path] = (),
) -> None:
    """A TensorRT engine, verified with clips of `videos`, with the progress of its build. See `add_engine`."""
    clip = Manifest.load(directory).clip
    found = [serving.clips(video, clip, CLIPS_PER_VIDEO) for video in videos] if serving is not None else []
    clips = np.concatenate(found) if found else None
    with Progress(console=console, transient=True) as shown:
        built = add_engine(directory, precision.value, options, serving, _show(shown), calibrated, clips)
    console.print(f"{directory}/{built.file}: {built.runtime} {built.runtime_version}", soft_wrap=True)


def print_ignored(keys: tuple[str, ...]) -> None:
    """Tensors that a file has and the network does not."""
    if keys:
        console.print(f"ignored: {shorten(keys)}", soft_wrap=True, markup=False, highlight=False)


def _show(shown: Progress) -> BuildProgress:
    tasks: dict[str, TaskID] = {}

    def step(phase: str, done: int, total: int) -> None:
        if phase not in tasks:
            tasks[phase] = shown.add_task(phase, total=total)
        shown.update(tasks[phase], completed=done, total=total)

    return step
