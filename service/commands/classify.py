"""`r3d-classify`: files from the command line or a manifest, classified here or by a service."""

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from engine_builder.manifest import MAX_SPREAD_CLIPS, MAX_STRIDE, Aggregate, Tail

from ..api.formats import TEXTS
from ..batch.local import local
from ..batch.outcome import Options, Outcome, Refusal
from ..batch.remote import remote
from ..batch.results_file import files_in, open_results
from ..classification.query import Query
from ..errors import StartupError
from ..settings import available_cpus
from .environment import MODEL_HELP
from .many_files import BAD_USAGE, run, settings_of
from .tables import print_answer

PROGRAM = "r3d-classify"

Format = Literal["table", "json", "csv", "vtt", "srt"]


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
    embedding: Annotated[bool, typer.Option("--embedding", help="Each clip's features, in JSON lines.")] = False,
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
    with ExitStack() as stack:
        try:
            chosen = [*(videos or []), *(files_in(manifest) if manifest else [])]
            results = stack.enter_context(open_results(out)) if out else None
        except (StartupError, OSError) as error:
            typer.echo(f"{PROGRAM}: {error}", err=True)
            raise typer.Exit(BAD_USAGE) from error
        if not chosen:
            raise typer.BadParameter("name a video, or a list of them with --from")
        left = [video for video in chosen if results is None or str(video) not in results.done]
        report = results.add if results else partial(_print, form, every_clip)
        opening = remote(server, key, options) if server else local(settings_of(PROGRAM, model), options)
        status = asyncio.run(run(PROGRAM, opening, left, jobs or (available_cpus() if out else 1), report))
    if status:
        raise typer.Exit(status)


def _clips(text: str | None) -> int | Literal["all"] | None:
    if text is None or text == "all":
        return text  # type: ignore[return-value]
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SPREAD_CLIPS:
        raise typer.BadParameter(f"a number from 1 to {MAX_SPREAD_CLIPS}, or all", param_hint="--clips")
    return int(text)


def _print(form: Format, every_clip: bool, video: Path, outcome: Outcome) -> None:
    if isinstance(outcome, Refusal):
        return
    if form == "table":
        print_answer(Console(), video, outcome, every_clip)
    else:
        print(outcome.model_dump_json() if form == "json" else TEXTS[form][1](outcome), flush=True)


def main() -> None:
    """Entry point."""
    typer.run(classify)
