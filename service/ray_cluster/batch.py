"""An archive on a Ray cluster: `python -m service.ray_cluster.batch --from LIST.txt --out RESULTS.jsonl --replicas 8`.

What `r3d-classify` does on one machine with the same options, and goes on the same way after a kill. The files must be
readable under the same names on every node; the list is read, and the results are written, where this runs.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ..batch.command_line import BAD_USAGE, CANNOT_START, SOME_FAILED, asking, ended, inputs_of, options_of
from ..batch.inputs import STANDARD_INPUT, Inputs, NamingError
from ..batch.many import Here, classify_all
from ..batch.outcome import Options, Outcome, Refusal
from ..batch.results_file import ResultsFile, open_results
from ..errors import StartupError
from ..settings import PREFIX
from .actors import Size, on_ray
from .environment import environment

PROGRAM = "service.ray_cluster.batch"

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
@asking(inputs=inputs_of, options=options_of)
def classify(
    *,
    out: Annotated[Path, typer.Option(help="Results, a JSON line for each video; videos that are in it are left out.")],
    inputs: Inputs,
    replicas: Annotated[int, typer.Option(min=1, help="Actors, each with a pipeline of its own.")] = 1,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time per actor. Default: its CPUs.")] = None,
    cpus: Annotated[float, typer.Option(min=0.1, help="CPUs per actor.")] = 2,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs per actor, or a share of one.")] = 0,
    model: Annotated[Path | None, typer.Option(help="Model directory, on every node. Default: R3D_MODEL.")] = None,
    options: Options,
) -> None:
    """Classify video files on a Ray cluster.

    Exit status: 0 all good, 1 some failed, 2 bad usage, 3 nothing can be classified.
    """
    settings = environment(cpus) | ({} if model is None else {f"{PREFIX}MODEL": str(model)})
    size = Size(replicas, cpus, gpus, jobs or math.ceil(cpus), settings)
    if str(STANDARD_INPUT) in inputs.names:
        raise typer.BadParameter("a video on standard input is on no other node")
    with ExitStack() as stack:
        try:
            inputs.check()
            results = stack.enter_context(open_results(out))
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, BAD_USAGE) from error
        try:
            failed = asyncio.run(_classify(inputs, results, options, size))
        except NamingError as error:  # in a list that is read as it comes
            raise ended(PROGRAM, error, BAD_USAGE) from error
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, CANNOT_START) from error
    if failed:
        raise typer.Exit(SOME_FAILED)


async def _classify(inputs: Inputs, results: ResultsFile, options: Options, size: Size) -> int:
    """How many failed."""

    def report(video: Path, outcome: Outcome) -> None:
        if isinstance(outcome, Refusal):
            typer.echo(f"{video}: {outcome.detail}", err=True)
        results.add(video, outcome)

    def left() -> Iterator[Path]:
        return (video for video in inputs if results.names.add(str(video)))

    async with on_ray(options, size) as classifier:
        return await classify_all(left(), Here(classifier, size.replicas * size.jobs), report)


def main() -> None:
    """Entry point."""
    app(prog_name=f"python -m {PROGRAM}")


if __name__ == "__main__":
    main()
