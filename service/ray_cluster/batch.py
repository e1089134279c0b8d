"""An archive on a Ray cluster, through Ray Data: `python -m service.ray_cluster.batch MANIFEST OUT.jsonl`.

What `r3d-classify --from MANIFEST --out OUT.jsonl` does on one machine, and goes on the same way after a kill. The
files must be readable under the same names on every node; the results are written where this runs.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import ray.data
import typer

from ..batch.local import local
from ..batch.many import classify_all
from ..batch.outcome import Options, Outcome, outcome_of
from ..batch.results_file import Line, files_in, open_results
from ..classification.query import Query
from ..settings import settings_from_environment

Row = dict[str, Any]


class Actor:
    """A pipeline, loaded; a row's `file` to a row with its `line` of results."""

    def __init__(self, options: Options) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        opening = local(settings_from_environment(), options)
        self._classify = self._runner.run(self._stack.enter_async_context(opening))

    def __call__(self, row: Row) -> Row:
        """Classify one file. Raises StartupError when the fault is not the file's."""
        video = Path(row["file"])
        outcome = self._runner.run(outcome_of(self._classify, video, lambda _: None))
        return {"line": Line.of(video, outcome).text()}


class OnRay:
    """Files spread over actors on a Ray cluster."""

    def __init__(self, options: Options, replicas: int, cpus: float, gpus: float) -> None:
        """`cpus` and `gpus` are what each of the `replicas` needs."""
        self._options = options
        self._resources: dict[str, Any] = {"concurrency": replicas, "num_cpus": cpus, "num_gpus": gpus}

    async def outcomes(self, videos: Iterable[Path]) -> AsyncGenerator[tuple[Path, Outcome]]:
        """See `Executor`."""
        files = [{"file": str(video)} for video in videos]
        # Many small blocks: results come back, and are safe from a kill, while the rest is worked on.
        rows = ray.data.from_items(files, override_num_blocks=len(files))
        lines = iter(rows.map(Actor, fn_constructor_args=(self._options,), **self._resources).iter_rows())
        while (row := await asyncio.to_thread(next, lines, None)) is not None:
            line = Line.model_validate_json(row["line"])
            yield Path(line.file), line.outcome


def classify(
    manifest: Annotated[Path, typer.Argument(help="A file that names videos, one a line.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Results, a JSON line per video; videos that are in it are left out.")],
    replicas: Annotated[int, typer.Option(min=1, help="Actors, each with a pipeline of its own.")] = 1,
    cpus: Annotated[float, typer.Option(min=0.1, help="CPUs per actor.")] = 2,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs per actor, or a share of one.")] = 0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Labels listed per clip. Default: 5.")] = None,
    embedding: Annotated[bool, typer.Option("--embedding", help="Each clip's features too.")] = False,
) -> None:
    """Classify the files that a manifest names on a Ray cluster."""
    with open_results(out) as results:
        left = [video for video in files_in(manifest) if str(video) not in results.done]
        if left:
            executor = OnRay(Options(top_k, Query(embedding=embedding)), replicas, cpus, gpus)
            asyncio.run(classify_all(left, executor, results.add))


def main() -> None:
    """Entry point."""
    typer.run(classify)


if __name__ == "__main__":
    main()
