"""`r3d-classify`: the service's pipeline on local files, without a server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from .answers import classify_answer
from .cli import load_settings
from .errors import ServiceError, StartupError
from .pipeline import ClipResult
from .runtime import Runtime
from .schemas import ClassifyAnswer
from .settings import Settings

SOME_FAILED = 1
CANNOT_START = 3
TOP_SHOWN = 3


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Runtime]:
    """A loaded runtime, closed when the block is left. Raises StartupError."""
    runtime = Runtime(settings)
    runtime.start()
    try:
        await runtime.loaded()
        yield runtime
    finally:
        await runtime.close()


def table_of(video: Path, answer: ClassifyAnswer) -> Table:
    """Clips and verdict, for people."""
    verdict = f"{answer.label}: {answer.votes} of {len(answer.clips)} clips, confidence {answer.confidence:.2f}"
    table = Table("clip", "seconds", "label", "probability", "then", title=str(video), caption=verdict)
    for clip in answer.clips:
        then = ", ".join(f"{top.label} {top.probability:.2f}" for top in clip.top[1:TOP_SHOWN])
        seconds = f"{clip.start_seconds:.2f} – {clip.end_seconds:.2f}"
        table.add_row(str(clip.index), seconds, clip.label, f"{clip.probability:.2f}", then)
    return table


def _advance(progress: Progress, task: TaskID, _: ClipResult) -> None:
    progress.advance(task)


async def classify_files(runtime: Runtime, videos: list[Path], top_k: int, frame_rate: float | None, json: bool) -> int:
    """Classify one file after the other and print each; returns how many failed."""
    out, errors = Console(), Console(stderr=True)
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} clips"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        for video in videos:
            task = progress.add_task(video.name, total=None)
            try:
                done = await runtime.pipeline.classify(video, frame_rate, partial(_advance, progress, task))
                answer = classify_answer(done, runtime.manifest, runtime.description, top_k)
            except (ServiceError, OSError) as error:
                failed += 1
                reason = error.detail if isinstance(error, ServiceError) else str(error)
                errors.print(f"{video}: {reason}", style="red", markup=False, soft_wrap=True)
                continue
            finally:
                progress.remove_task(task)
            if json:
                print(answer.model_dump_json(), flush=True)
            else:
                out.print(table_of(video, answer))
    return failed


async def run(settings: Settings, videos: list[Path], top_k: int, frame_rate: float | None, json: bool) -> int:
    """The exit status: 0 when every file was classified."""
    try:
        async with running(settings) as runtime:
            failed = await classify_files(runtime, videos, min(top_k, len(runtime.manifest.labels)), frame_rate, json)
    except StartupError as error:
        typer.echo(f"r3d-classify: {error}", err=True)
        return CANNOT_START
    return SOME_FAILED if failed else 0


def classify(
    videos: Annotated[list[Path], typer.Argument(help="Video files.", exists=True, dir_okay=False)],
    model: Annotated[Path | None, typer.Option(help="Model directory. Default: the bundled model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON answer a line, as the service gives.")] = False,
    top_k: Annotated[int, typer.Option(min=1, help="Labels listed a clip.")] = 5,
    frame_rate: Annotated[float | None, typer.Option(min=0.001, max=1000, help="Resample to this rate.")] = None,
) -> None:
    """Classify video files. Exit status: 0 all good, 1 some failed, 2 bad usage, 3 the model cannot be loaded."""
    logging.basicConfig(level=logging.ERROR)
    status = asyncio.run(run(load_settings(model), videos, top_k, frame_rate, json))
    if status:
        raise typer.Exit(status)


def main() -> None:
    """Entry point."""
    typer.run(classify)
