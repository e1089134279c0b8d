"""A run over many files: progress, what failed, and the exit status."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import typer

from ..batch.many import Here, classify_all
from ..batch.outcome import Answer, FileWorker, Refusal
from ..errors import StartupError
from ..settings import Settings
from .environment import load_settings
from .progress import RunProgress, bar_of, progress_bars

SOME_FAILED = 1
BAD_USAGE = 2
CANNOT_START = 3


async def run(
    program: str,
    opening: AbstractAsyncContextManager[FileWorker[Answer]],
    videos: Sequence[Path],
    jobs: int,
    report: Callable[[Path, Answer | Refusal], None],
) -> int:
    """The exit status of `program`: 0 when every file was worked on."""
    try:
        with progress_bars() as bars:
            overall = RunProgress(len(videos), bars)

            def tell(video: Path, outcome: Answer | Refusal) -> None:
                if isinstance(outcome, Refusal):
                    bars.console.print(f"{video}: {outcome.detail}", style="red", markup=False, soft_wrap=True)
                report(video, outcome)
                overall.advance()

            async with opening as worker:
                failed = await classify_all(videos, Here(worker, jobs, partial(bar_of, bars)), tell)
    except StartupError as error:
        typer.echo(f"{program}: {error}", err=True)
        return CANNOT_START
    return SOME_FAILED if failed else 0


def settings_of(program: str, model: Path | None) -> Settings:
    """As `load_settings`; exits when the model cannot be had."""
    try:
        return load_settings(model)
    except StartupError as error:
        typer.echo(f"{program}: {error}", err=True)
        raise typer.Exit(CANNOT_START) from error
