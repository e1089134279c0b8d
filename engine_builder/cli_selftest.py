"""`r3d-engine selftest`."""

import importlib.util
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .build import BuildOptions, build_model, read_labels
from .camera_motion import LABELS, SURE, WEIGHTS
from .files import replacing
from .manifest import Manifest, Sampling, checked_file
from .selftest.report import as_json, outcome_table
from .selftest.run import Selftest
from .serving import find_serving
from .tensorrt.build import Runtime

console = Console()


def selftest(
    model: Annotated[Path | None, typer.Argument(help="A model directory. Default: the bundled model.")] = None,
    json: Annotated[Path, typer.Option(help="The report, to attach to a bug report.")] = Path("r3d-selftest.json"),
    max_batch: Annotated[int, typer.Option(min=1, max=1024, help="Largest batch of the engines.")] = 32,
    batches: Annotated[int, typer.Option(min=1, help="Batches of random sizes for each engine.")] = 1000,
) -> None:
    """Try everything that TensorRT engines need on this machine: packages, builds, batches, refusals."""
    runtimes = [each for each in Runtime if importlib.util.find_spec(each.value)] or [Runtime.TENSORRT]
    with tempfile.TemporaryDirectory() as folder:
        directory = _copy(model, Path(folder)) if model is not None else _bundled(Path(folder))
        outcomes = []
        for outcome in Selftest(directory, find_serving(), runtimes, max_batch, batches).run():
            outcomes.append(outcome)
            console.print(f"{outcome.check}: {outcome.status}", markup=False, highlight=False, soft_wrap=True)
    console.print(outcome_table(outcomes))
    with replacing(json) as stream:
        stream.write(as_json(outcomes).encode())
    console.print(f"{json}: attach it to a bug report", markup=False, soft_wrap=True)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _bundled(folder: Path) -> Path:
    sampling = Sampling(threshold=SURE)
    options = BuildOptions("camera-motion", labels=read_labels(LABELS), precisions=("fp32", "fp16"), sampling=sampling)
    build_model(WEIGHTS, folder, options)
    return folder


def _copy(model: Path, folder: Path) -> Path:
    """The networks of a model directory, linked, and a manifest without engines: the original is left as it is."""
    manifest = Manifest.load(model)
    for network in manifest.onnx.values():
        (folder / network.file).symlink_to(checked_file(model, network).resolve())
    manifest.model_copy(update={"engines": ()}).save(folder)
    return folder
