"""`r3d-classify`: files from the command line or a manifest, classified here or by a service."""

import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..batch.command_line import BAD_USAGE, CANNOT_START, SOME_FAILED, asking, inputs_of, options_of
from ..batch.inputs import STANDARD_INPUT, Inputs, NamingError
from ..batch.local import local
from ..batch.names import Names
from ..batch.outcome import Options
from ..batch.remote import base_url, remote
from ..batch.results_file import open_results
from ..errors import StartupError
from ..machine import available_cpus
from .environment import MODEL_HELP, ended, load_settings
from .outputs import Format, report_in
from .progress import RunProgress
from .run import Run, kept_standard_input, with_standard_input
from .version import Version

PROGRAM = "r3d-classify"
GOES_ON = "interrupted: the same command goes on; with --server, long files are jobs that went on without it"

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
@asking(inputs=inputs_of, options=options_of)
def classify(
    *,
    inputs: Inputs,
    out: Annotated[
        Path | None, typer.Option(help="Write JSON lines to this file; videos that are in it are left out.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time. Default: 1; with --out, the CPUs.")] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Have a running service do it, at HOST:PORT or a URL; 32 MiB or more as a job."
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="R3D_API_KEY", help="The service's API key.")] = None,
    model: Annotated[Path | None, typer.Option(help=MODEL_HELP)] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    form: Annotated[
        Format, typer.Option("--format", help="table; json: one answer a line; csv: a line a clip; vtt, srt: captions.")
    ] = "table",
    every_clip: Annotated[bool, typer.Option("--every-clip", help="Clips in the table, below the segments.")] = False,
    options: Options,
    version: Version = False,
) -> None:
    """Classify video files.

    Exit status: 0 all good, 1 some failed, 2 bad usage, 3 nothing can be classified: no model, or no service.
    """
    logging.basicConfig(level=logging.ERROR)
    form = "json" if json or out else form
    if options.query.embedding and form != "json":
        raise typer.BadParameter("it is told in JSON lines: --json, or --out FILE", param_hint="--embedding")
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
        except KeyboardInterrupt:
            if url or out:
                errors.print(GOES_ON, markup=False, highlight=False, soft_wrap=True)
            raise
        except NamingError as error:  # in a list that is read as it comes
            raise ended(PROGRAM, error, BAD_USAGE) from error
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, CANNOT_START) from error
        if results and results.failed:
            told = f"{out}: {results.failed} files failed in an earlier run, for a fault of theirs, and were left out"
            errors.print(told, markup=False, highlight=False, soft_wrap=True)
    if not good:
        raise typer.Exit(SOME_FAILED)


def _check_usage(inputs: Inputs, out: Path | None) -> None:
    if str(STANDARD_INPUT) in inputs.names:
        if inputs.listed == STANDARD_INPUT:
            raise typer.BadParameter("standard input is a video or a list, not both")
        if out is not None:
            raise typer.BadParameter("a video on standard input has no name to be recorded by: leave out --out")
        if sys.stdin.isatty():
            raise typer.BadParameter("standard input is a terminal: send a video, as in r3d-classify - < video.mp4")


def main() -> None:
    """Entry point."""
    app(prog_name=PROGRAM)
