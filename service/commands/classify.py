"""`r3d-classify`: files from the command line or a manifest, classified here or by a service."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from engine_builder.manifest import MAX_SPREAD_CLIPS, MAX_STRIDE, Aggregate, Tail

from ..api.formats import TEXTS
from ..batch.local import local
from ..batch.many import Here, classify_all
from ..batch.outcome import FileClassifier, Options, Outcome, Refusal
from ..batch.remote import remote
from ..batch.results_file import files_in, open_results
from ..classification.query import Query
from ..errors import StartupError
from ..settings import Settings, available_cpus
from .environment import MODEL_HELP, ended, load_settings
from .progress import RunProgress, bar_of, progress_bars
from .tables import print_answer
from .version import Version

PROGRAM = "r3d-classify"
SOME_FAILED = 1
BAD_USAGE = 2
CANNOT_START = 3

Format = Literal["table", "json", "csv", "vtt", "srt"]

Report = Callable[[Path, Outcome], None]


async def run(
    opening: AbstractAsyncContextManager[FileClassifier], videos: Sequence[Path], jobs: int, report: Report
) -> int:
    """The exit status: 0 when every file was classified."""
    try:
        with progress_bars() as bars:
            overall = RunProgress(len(videos), bars)

            def tell(video: Path, outcome: Outcome) -> None:
                if isinstance(outcome, Refusal):
                    bars.console.print(f"{video}: {outcome.detail}", style="red", markup=False, soft_wrap=True)
                report(video, outcome)
                overall.advance()

            async with opening as classifier:
                failed = await classify_all(videos, Here(classifier, jobs, partial(bar_of, bars)), tell)
    except StartupError as error:
        typer.echo(f"r3d-classify: {error}", err=True)
        return CANNOT_START
    return SOME_FAILED if failed else 0


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def classify(
    videos: Annotated[list[Path] | None, typer.Argument(help="Video files.", exists=True, dir_okay=False)] = None,
    manifest: Annotated[
        Path | None, typer.Option("--from", help="A file that names videos, one per line; - is standard input.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write JSON lines to this file; videos that are in it are left out.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time. Default: 1; with --out, the CPUs.")] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="Have a running service classify them.")] = None,
    key: Annotated[str | None, typer.Option(envvar="R3D_API_KEY", help="The service's API key.")] = None,
    model: Annotated[Path | None, typer.Option(help=MODEL_HELP)] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    form: Annotated[
        Format, typer.Option("--format", help="table; json: one answer a line; csv: a line a clip; vtt, srt: captions.")
    ] = "table",
    every_clip: Annotated[bool, typer.Option("--every-clip", help="Clips in the table, below the segments.")] = False,
    top_k: Annotated[int | None, typer.Option(min=1, help="Labels listed per clip. Default: 5.")] = None,
    frame_rate: Annotated[float | None, typer.Option(min=0.001, max=1000, help="Resample to this rate.")] = None,
    clips: Annotated[str | None, typer.Option(metavar="N|all", help="That many clips, spread over the video.")] = None,
    stride: Annotated[int | None, typer.Option(min=1, max=MAX_STRIDE, help="Frames from clip to clip.")] = None,
    start: Annotated[float | None, typer.Option(min=0, help="Seconds of the video to start from.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Seconds of the video to end before.")] = None,
    tail: Annotated[Tail | None, typer.Option(help="What becomes of frames that fill no clip.")] = None,
    aggregate: Annotated[Aggregate | None, typer.Option(help="What decides the label.")] = None,
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Clips less sure are in no segment.")] = None,
    version: Version = False,
) -> None:  # fmt: skip
    """Classify video files.

    Exit status: 0 all good, 1 some failed, 2 bad usage, 3 nothing can be classified: no model, or no service.
    """
    logging.basicConfig(level=logging.ERROR)
    sampling = Query(frame_rate, _clips(clips), stride, tail, aggregate, threshold, start, end)
    options = Options(top_k, sampling)
    with ExitStack() as stack:
        try:
            chosen = [*(videos or []), *(files_in(manifest) if manifest else [])]
            results = stack.enter_context(open_results(out)) if out else None
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, BAD_USAGE) from error
        if not chosen:
            raise typer.BadParameter("name a video, or a list of them with --from")
        left = [video for video in chosen if results is None or str(video) not in results.done]
        report = results.add if results else partial(_print, "json" if json else form, every_clip)
        opening = remote(server, key, options) if server else local(_settings(model), options)
        status = asyncio.run(run(opening, left, jobs or (available_cpus() if out else 1), report))
    if status:
        raise typer.Exit(status)


def _clips(text: str | None) -> int | Literal["all"] | None:
    if text is None or text == "all":
        return text  # type: ignore[return-value]
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SPREAD_CLIPS:
        raise typer.BadParameter(f"a number from 1 to {MAX_SPREAD_CLIPS}, or all", param_hint="--clips")
    return int(text)


def _settings(model: Path | None) -> Settings:
    try:
        return load_settings(model)
    except StartupError as error:
        raise ended(PROGRAM, error, CANNOT_START) from error


def _print(form: Format, every_clip: bool, video: Path, outcome: Outcome) -> None:
    if isinstance(outcome, Refusal):
        return
    if form == "table":
        print_answer(Console(), video, outcome, every_clip)
    else:
        print(outcome.model_dump_json() if form == "json" else TEXTS[form][1](outcome), flush=True)


def main() -> None:
    """Entry point."""
    app(prog_name=PROGRAM)
