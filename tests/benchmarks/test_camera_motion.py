"""`r3d-evaluate` counts what the benchmark counts, each by its own code, on rendered videos."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.camera_motion import Counts, classify, count, write_list
from benchmarks.rendered.poses import LABELS
from benchmarks.rendered.shots import Shot, encode, stills

from ..support.programs import finished
from ..support.videos import write_video

SHOWN = ("static", "pan left", "zoom out", "roll clockwise")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, Path]]:
    """A video of each of some labels; the last is labelled wrong, so that not everything is right."""
    folder = tmp_path_factory.mktemp("rendered")
    [still, other] = stills([write_video(folder / "still.mp4", 2, size=(640, 360))], 2)
    jobs: list[tuple[int, Path]] = []
    for seed, name in enumerate(SHOWN):
        label, path = LABELS.index(name), folder / f"{seed}.mp4"
        encode(Shot(label, seed, still, other), path)
        jobs.append((label, path))
    return [*jobs[:-1], (LABELS.index("tilt up"), jobs[-1][1])]


def test_the_counts_are_the_benchmarks(rendered: list[tuple[int, Path]], model_directory: Path, tmp_path: Path) -> None:
    clips, videos = count(rendered, classify([path for _, path in rendered], model_directory))
    listed = rendered[0][1].with_name("list.csv")
    write_list(rendered, listed)
    done = finished(
        "r3d-evaluate", str(model_directory), str(listed), "--sampling", "default", "--out", str(tmp_path / "out")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert np.array_equal(table_of(tmp_path / "out", "clips"), clips)
    assert np.array_equal(table_of(tmp_path / "out", "videos by vote"), videos)
    assert videos.sum() == len(SHOWN) > videos.trace()
    for counted, expected in (("clips", clips), ("videos by vote", videos)):
        assert f"default, {counted}: {expected.trace()} of {expected.sum()} right" in done.stdout
    figures = json.loads((tmp_path / "out" / "summary.json").read_text())["samplings"]["default"]
    assert figures["counted"]["clips"]["top1"] == clips.trace()


def table_of(folder: Path, counted: str) -> Counts:
    """The confusion table that was written."""
    found = np.zeros((len(LABELS), len(LABELS)), np.int64)
    with (folder / "confusion.csv").open() as stream:
        for row in csv.DictReader(stream):
            if row["counted"] == counted:
                found[LABELS.index(row["label"]), LABELS.index(row["answered"])] += int(row["count"])
    return found
