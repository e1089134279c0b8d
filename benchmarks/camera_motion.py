"""Accuracy of the bundled model through the whole pipeline: `python -m benchmarks.camera_motion VIDEO...`.

Renders test videos in another way than training does: stills cut from the given videos, moved by OpenCV's `warpAffine`,
encoded as H.264 or MPEG-4 at several sizes, frame rates and qualities. Sends them through `r3d-classify` and prints
the confusion matrix of clips and of videos.
"""

import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from service.api.schemas import ClassifyAnswer

from .harness.report import Videos
from .rendered.poses import LABELS
from .rendered.shots import Shot, encode, stills

Counts = npt.NDArray[np.int64]


def render_all(videos: list[Path], per_class: int, seed: int, folder: Path) -> list[tuple[int, Path]]:
    """Every test video as (label, path)."""
    pictures = stills(videos, 24)
    rng = np.random.default_rng(seed)
    jobs: list[tuple[Shot, Path]] = []
    for label in range(len(LABELS)):
        for index in range(per_class):
            one, other = rng.integers(len(pictures), size=2)
            shot = Shot(label, int(rng.integers(1 << 30)), pictures[int(one)], pictures[int(other)])
            jobs.append((shot, folder / f"{label}-{index}.mp4"))
    with ProcessPoolExecutor() as pool:
        list(pool.map(encode, *zip(*jobs, strict=True), chunksize=4))
    return [(shot.label, path) for shot, path in jobs]


def classify(paths: list[Path], model: Path | None) -> list[ClassifyAnswer]:
    """Each video's answer, by the project's own command."""
    command = [str(Path(sys.executable).with_name("r3d-classify")), "--json"]
    command += ["--model", str(model)] if model else []
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=True)
    return [ClassifyAnswer.model_validate_json(line) for line in done.stdout.splitlines()]


def write_list(jobs: list[tuple[int, Path]], path: Path) -> None:
    """A list for `r3d-evaluate`, which counts the same."""
    path.write_text("path,label\n" + "".join(f"{video.name},{LABELS[label]}\n" for label, video in jobs))


def count(jobs: list[tuple[int, Path]], answers: list[ClassifyAnswer]) -> tuple[Counts, Counts]:
    """Confusion matrices of clips and of videos, int64 [true, answered]; clips that are wrong are printed."""
    clips = np.zeros((len(LABELS), len(LABELS)), np.int64)
    verdicts = np.zeros_like(clips)
    for (label, path), answer in zip(jobs, answers, strict=True):
        verdicts[label, answer.label_index] += 1
        for clip in answer.clips:
            clips[label, clip.label_index] += 1
            if clip.label_index != label:
                print(f"{path.name} clip {clip.index}: {LABELS[label]} answered as {clip.label}")
    return clips, verdicts


def report(title: str, counts: Counts) -> None:
    """Print a confusion matrix, int64 [true, answered]."""
    print(f"\n{title}: {counts.trace()} of {counts.sum()} right, {counts.trace() / counts.sum():.2%}")
    width = max(map(len, LABELS))
    for index, (label, row) in enumerate(zip(LABELS, counts, strict=True)):
        right = row[index] / max(1, row.sum())
        print(f"  {label:{width}} " + " ".join(f"{count:4d}" for count in row) + f"  {right:.1%}")


def run(
    videos: Videos,
    per_class: Annotated[int, typer.Option(min=1, help="Videos per label.")] = 60,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    model: Annotated[Path | None, typer.Option(help="Model directory. Default: the bundled model.")] = None,
    keep: Annotated[Path | None, typer.Option(help="A folder for the videos, and their list for r3d-evaluate.")] = None,
) -> None:
    """Accuracy of the bundled model on videos rendered from stills of the given ones."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        jobs = render_all(videos, per_class, seed, folder)
        write_list(jobs, folder / "list.csv")
        answers = classify([path for _, path in jobs], model)
    clips, verdicts = count(jobs, answers)
    report("clips", clips)
    report("videos", verdicts)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
