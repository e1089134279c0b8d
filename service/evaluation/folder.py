"""The folder of an evaluation: a line for each video, which a later run goes on with, and the figures."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine_builder.manifest import Manifest, Sampling

from ..batch.results_file import ResultsFile, open_results
from ..errors import StartupError
from .figures import Counted, Figures
from .scores import ScoreLine

RESULTS = "results.jsonl"
SUMMARY = "summary.json"
CONFUSION = "confusion.csv"


class Setup(BaseModel):
    """What is evaluated, and how: the lines of one folder are of one setup."""

    model: str
    weights_sha256: str
    clip_frames: int
    samplings: dict[str, Sampling]

    @classmethod
    def of(cls, manifest: Manifest, samplings: dict[str, Sampling]) -> "Setup":
        """Of a model."""
        return cls(
            model=manifest.name,
            weights_sha256=manifest.weights_sha256,
            clip_frames=manifest.clip.frames,
            samplings=samplings,
        )


@contextmanager
def open_folder(folder: Path, setup: Setup) -> Iterator[ResultsFile]:
    """Make the folder, or go on with it; the results file in it, locked.

    Raises StartupError when another run has it, or it has results of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_results(folder / RESULTS) as results:
        if lines_of(folder):
            _check(folder, setup)
        _write(folder / SUMMARY, {"setup": setup.model_dump()})
        yield results


def lines_of(folder: Path) -> dict[str, ScoreLine]:
    """The last line of each video, by its name. Raises StartupError for lines of something else."""
    lines: dict[str, ScoreLine] = {}
    try:
        for text in (folder / RESULTS).read_text().splitlines():
            line = ScoreLine.model_validate_json(text)
            if line.score is None and line.problem is None:
                raise ValueError("neither a score nor a problem")
            lines[line.file] = line
    except ValueError as error:
        raise StartupError(f"{folder / RESULTS}: not the results of an evaluation") from error
    return lines


def _check(folder: Path, setup: Setup) -> None:
    try:
        before = Setup.model_validate(json.loads((folder / SUMMARY).read_text())["setup"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise StartupError(f"{folder / SUMMARY}: what its results are of cannot be told from it") from error
    differing = [name for name in Setup.model_fields if getattr(before, name) != getattr(setup, name)]
    if differing:
        raise StartupError(f"{folder}: its results are of another evaluation ({', '.join(differing)}): name another")


def write_figures(folder: Path, setup: Setup, figures: Figures, labels: Sequence[str]) -> None:
    """The summary and the confusion table: a line for each pair of labels that occurred."""
    summary = {
        "setup": setup.model_dump(),
        "samplings": {
            each.sampling: {
                "videos": each.videos,
                "failed": each.failed,
                "clips": each.clips,
                "clips_per_video": each.clips_per_video,
                "counted": {counted.what: _shares(counted) for counted in each.counted},
            }
            for each in figures.samplings
        },
        "seconds_per_video": figures.seconds,
        "decode_seconds_per_video": figures.decode_seconds,
        "network_seconds_per_video": figures.network_seconds,
        "backends": figures.backends,
        "failures": [asdict(failure) for failure in figures.failures],
    }
    with (folder / CONFUSION).open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["sampling", "counted", "label", "answered", "count"])
        for each in figures.samplings:
            for counted in each.counted:
                for truth, answered in zip(*counted.confusion.nonzero(), strict=True):
                    count = counted.confusion[truth, answered]
                    rows.writerow([each.sampling, counted.what, labels[truth], labels[answered], count])
    _write(folder / SUMMARY, summary)


def _shares(counted: Counted) -> dict[str, float | None]:
    return {
        "total": counted.total,
        "top1": counted.top1,
        "top5": counted.top5,
        "top1_share": counted.share(counted.top1),
        "top5_share": counted.share(counted.top5),
        "top1_share_of_every_video": counted.share_of_every(counted.top1),
        "top5_share_of_every_video": counted.share_of_every(counted.top5),
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    """In one step: a summary that was begun says nothing of the results beside it."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    temporary.replace(path)
