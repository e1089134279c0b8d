"""`r3d-classify`: files from the command line or a manifest, classified here or by a service."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .archive import files_in, open_archive
from .classifiers import Classifier, Query, Refusal, local, outcome_of, remote
from .cli import load_settings
from .errors import StartupError
from .pace import Pace, progress_bars
from .schemas import ClassifyAnswer
from .settings import available_cpus

SOME_FAILED = 1
BAD_USAGE = 2
CANNOT_START = 3
TOP_SHOWN = 3

Report = Callable[[Path, ClassifyAnswer | Refusal], None]


def table_of(video: Path, answer: ClassifyAnswer) -> Table:
    """Clips and verdict, for people."""
    verdict = f"{answer.label}: {answer.votes} of {len(answer.clips)} clips, confidence {answer.confidence:.2f}"
    table = Table("clip", "seconds", "label", "probability", "then", title=str(video), caption=verdict)
    for clip in answer.clips:
        then = ", ".join(f"{top.label} {top.probability:.2f}" for top in clip.top[1:TOP_SHOWN])
        seconds = f"{clip.start_seconds:.2f} – {clip.end_seconds:.2f}"
        table.add_row(str(clip.index), seconds, clip.label, f"{clip.probability:.2f}", then)
    return table


@dataclass
class Run:
    """Files, a few at a time, each told to `report` when it is through."""

    classifier: Classifier
    report: Report
    progress: Progress
    failed: int = field(default=0)

    async def all(self, videos: Sequence[Path], jobs: int) -> None:
        """Raises StartupError when the fault is not a file's; what is through by then is reported."""
        waiting = iter(videos)
        pace = Pace(len(videos), self.progress)

        async def worker() -> None:
            for video in waiting:
                await self._one(video)
                pace.advance()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(jobs, len(videos))):
                    group.create_task(worker())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _one(self, video: Path) -> None:
        task = self.progress.add_task(video.name, total=None, about="")
        try:
            outcome = await outcome_of(self.classifier, video, lambda about: self.progress.update(task, about=about))
        finally:
            self.progress.remove_task(task)
        if isinstance(outcome, Refusal):
            self.failed += 1
            self.progress.console.print(f"{video}: {outcome.detail}", style="red", markup=False, soft_wrap=True)
        self.report(video, outcome)


async def run(
    opening: AbstractAsyncContextManager[Classifier], videos: Sequence[Path], jobs: int, report: Report
) -> int:
    """The exit status: 0 when every file was classified."""
    try:
        with progress_bars() as progress:
            async with opening as classifier:
                going = Run(classifier, report, progress)
                await going.all(videos, jobs)
    except StartupError as error:
        typer.echo(f"r3d-classify: {error}", err=True)
        return CANNOT_START
    return SOME_FAILED if going.failed else 0


def classify(
    videos: Annotated[list[Path] | None, typer.Argument(help="Video files.", exists=True, dir_okay=False)] = None,
    manifest: Annotated[
        Path | None, typer.Option("--from", help="A file that names videos, one a line; - is standard input.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write JSON lines to this file; videos that are in it are left out.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time. Default: 1; with --out, the CPUs.")] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="Have a running service classify them.")] = None,
    key: Annotated[str | None, typer.Option(envvar="R3D_API_KEY", help="The service's API key.")] = None,
    model: Annotated[Path | None, typer.Option(help="Model directory. Default: the bundled model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON answer a line, as the service gives.")] = False,
    top_k: Annotated[int, typer.Option(min=1, help="Labels listed a clip.")] = 5,
    frame_rate: Annotated[float | None, typer.Option(min=0.001, max=1000, help="Resample to this rate.")] = None,
) -> None:  # fmt: skip
    """Classify video files.

    Exit status: 0 all good, 1 some failed, 2 bad usage, 3 nothing can be classified: no model, or no service.
    """
    logging.basicConfig(level=logging.ERROR)
    query = Query(top_k, frame_rate)
    with ExitStack() as stack:
        try:
            chosen = [*(videos or []), *(files_in(manifest) if manifest else [])]
            archive = stack.enter_context(open_archive(out)) if out else None
        except (StartupError, OSError) as error:
            typer.echo(f"r3d-classify: {error}", err=True)
            raise typer.Exit(BAD_USAGE) from error
        if not chosen:
            raise typer.BadParameter("name a video, or a list of them with --from")
        left = [video for video in chosen if archive is None or str(video) not in archive.done]
        report = archive.add if archive else _print_json if json else _print_table
        opening = remote(server, key, query) if server else local(load_settings(model), query)
        status = asyncio.run(run(opening, left, jobs or (available_cpus() if out else 1), report))
    if status:
        raise typer.Exit(status)


def _print_json(_: Path, outcome: ClassifyAnswer | Refusal) -> None:
    if isinstance(outcome, ClassifyAnswer):
        print(outcome.model_dump_json(), flush=True)


def _print_table(video: Path, outcome: ClassifyAnswer | Refusal) -> None:
    if isinstance(outcome, ClassifyAnswer):
        Console().print(table_of(video, outcome))


def main() -> None:
    """Entry point."""
    typer.run(classify)
