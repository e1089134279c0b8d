"""`r3d-classify`: files from the command line or a manifest, classified here or by a service."""

import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from engine_builder.manifest import MAX_SPREAD_CLIPS, MAX_STRIDE, Aggregate, Tail

from ..batch.inputs import STANDARD_INPUT, Inputs, NamingError
from ..batch.local import local
from ..batch.names import Names
from ..batch.outcome import Options
from ..batch.remote import base_url, remote
from ..batch.results_file import open_results
from ..classification.query import Query
from ..errors import StartupError
from ..machine import available_cpus
from .environment import MODEL_HELP, ended, load_settings
from .outputs import Format, report_in
from .progress import RunProgress
from .run import BAD_USAGE, CANNOT_START, SOME_FAILED, Run, kept_standard_input, with_standard_input
from .version import Version

PROGRAM = "r3d-classify"

VIDEOS_HELP = "Video files; folders, for the videos in them; patterns in quotes; - is a video on standard input."

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def classify(
    videos: Annotated[list[str] | None, typer.Argument(help=VIDEOS_HELP)] = None,
    manifest: Annotated[
        Path | None, typer.Option("--from", help="A list of files and folders, one a line; - is standard input.")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders within folders too.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write JSON lines to this file; videos that are in it are left out.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time. Default: 1; with --out, the CPUs.")] = None,
    server: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Have a running service do it, at HOST:PORT or a URL.")
    ] = None,
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
    embedding: Annotated[bool, typer.Option("--embedding", help="Each clip's features, in JSON lines.")] = False,
    version: Version = False,
) -> None:  # fmt: skip
    """Classify video files.

    Exit status: 0 all good, 1 some failed, 2 bad usage, 3 nothing can be classified: no model, or no service.
    """
    logging.basicConfig(level=logging.ERROR)
    form = "json" if json or out else form
    if embedding and form != "json":
        raise typer.BadParameter("it is told in JSON lines: --json, or --out FILE", param_hint="--embedding")
    query = Query(frame_rate, _clips(clips), stride, tail, aggregate, threshold, start, end, embedding)
    options = Options(top_k, query)
    inputs = Inputs(videos or [], manifest, recursive)
    _check_usage(inputs, out)
    errors = Console(stderr=True)
    with ExitStack() as stack:
        try:
            url = base_url(server) if server else None
            inputs.check()
            progress = RunProgress(inputs.count(), errors)
            results = stack.enter_context(open_results(out)) if out else None
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, BAD_USAGE) from error
        report = results.add if results else report_in(form, every_clip)
        names = results.names if results else stack.enter_context(Names())
        try:
            opening = remote(url, key, options) if url else local(load_settings(model), options)
            if str(STANDARD_INPUT) in inputs.names:
                opening = with_standard_input(opening, stack.enter_context(kept_standard_input()))
            good = Run(inputs, names, report, progress, errors).over(opening, jobs or (available_cpus() if out else 1))
        except NamingError as error:  # in a list that is read as it comes
            raise ended(PROGRAM, error, BAD_USAGE) from error
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, CANNOT_START) from error
    if not good:
        raise typer.Exit(SOME_FAILED)


def _check_usage(inputs: Inputs, out: Path | None) -> None:
    if not inputs.names and inputs.listed is None:
        raise typer.BadParameter("name a video or a folder of them, or a list with --from")
    if str(STANDARD_INPUT) in inputs.names:
        if inputs.listed == STANDARD_INPUT:
            raise typer.BadParameter("standard input is a video or a list, not both")
        if out is not None:
            raise typer.BadParameter("a video on standard input has no name to be recorded by: leave out --out")
        if sys.stdin.isatty():
            raise typer.BadParameter("standard input is a terminal: send a video, as in r3d-classify - < video.mp4")


def _clips(text: str | None) -> int | Literal["all"] | None:
    if text is None or text == "all":
        return text  # type: ignore[return-value]
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SPREAD_CLIPS:
        raise typer.BadParameter(f"a number from 1 to {MAX_SPREAD_CLIPS}, or all", param_hint="--clips")
    return int(text)


def main() -> None:
    """Entry point."""
    app(prog_name=PROGRAM)
