"""An archive on a Ray cluster, through Ray Data: `python -m service.ray_archive MANIFEST OUT.jsonl [--replicas 8]`.

What `r3d-classify --from MANIFEST --out OUT.jsonl` does on one machine, and goes on the same way after a kill. The
files must be readable under the same names on every node; the results are written where this runs.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import ray.data
import typer

from .archive import files_in, open_archive, record_of
from .classifiers import Query, local, outcome_of
from .settings import Settings

Row = dict[str, Any]


class Classify:
    """An actor with the pipeline loaded; a row's `file` to a row with its `record`."""

    def __init__(self, query: Query) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._classifier = self._runner.run(self._stack.enter_async_context(local(Settings(), query)))

    def __call__(self, row: Row) -> Row:
        """Classify one file. Raises StartupError when the fault is not the file's."""
        video = Path(row["file"])
        outcome = self._runner.run(outcome_of(self._classifier, video, lambda _: None))
        return {"file": row["file"], "record": record_of(video, outcome)}


def classify(
    manifest: Annotated[Path, typer.Argument(help="A file that names videos, one a line.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Results, a JSON line a video; videos that are in it are left out.")],
    replicas: Annotated[int, typer.Option(min=1, help="Actors, each with a pipeline of its own.")] = 1,
    cpus: Annotated[float, typer.Option(min=0.1, help="CPUs an actor takes.")] = 2,
    gpus: Annotated[float, typer.Option(min=0, help="Share of a GPU an actor takes.")] = 0,
    top_k: Annotated[int, typer.Option(min=1, help="Labels listed a clip.")] = 5,
) -> None:
    """Classify the files that a manifest names on a Ray cluster."""
    with open_archive(out) as archive:
        left = [{"file": str(video)} for video in files_in(manifest) if str(video) not in archive.done]
        if not left:
            return
        # Many small blocks: results come back, and are safe from a kill, while the rest is worked on.
        rows = ray.data.from_items(left, override_num_blocks=len(left))
        arguments = (Query(top_k, frame_rate=None),)
        results = rows.map(Classify, fn_constructor_args=arguments, concurrency=replicas, num_cpus=cpus, num_gpus=gpus)
        for row in results.iter_rows():
            archive.add_record(row["file"], row["record"])


def main() -> None:
    """Entry point."""
    typer.run(classify)


if __name__ == "__main__":
    main()
