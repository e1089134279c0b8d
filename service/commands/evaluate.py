"""`r3d-evaluate`: how often a model is right about labelled videos, by several samplings."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine_builder.manifest import Manifest, ManifestError, Sampling

from ..batch.command_line import BAD_USAGE, CANNOT_START, SOME_FAILED
from ..batch.names import Names
from ..batch.outcome import Refusal
from ..batch.results_file import ResultsFile
from ..errors import StartupError
from ..evaluation.figures import Figures, figures_of
from ..evaluation.folder import RESULTS, Setup, lines_of, open_folder, write_figures
from ..evaluation.labelled import Labelled, read_labelled
from ..evaluation.samplings import TORCHVISION_FRAMES, described, samplings_of
from ..evaluation.scores import ScoreLine, VideoScore, scoring
from ..machine import available_cpus
from ..settings import Settings
from .environment import ended, load_settings
from .evaluation_tables import print_figures
from .progress import RunProgress
from .run import Run
from .version import Version

PROGRAM = "r3d-evaluate"
CONFUSION_PICTURE = "confusion.png"
# Where the output is no terminal: nothing is cut.
WIDTH = 160


@dataclass
class Lines:
    """What is known of each video, by its name in the list; written to a results file if there is one."""

    videos: Mapping[Path, Labelled]
    results: ResultsFile | None = None
    known: dict[str, ScoreLine] = field(default_factory=dict)

    def add(self, path: Path, outcome: VideoScore | Refusal) -> None:
        """One video more."""
        line = ScoreLine.of_video(self.videos[path].name, outcome)
        if self.results is not None:
            self.results.write(line)
        self.known[line.file] = line

    @property
    def left(self) -> list[Path]:
        """The videos that are to be classified."""
        return [path for path, video in self.videos.items() if self._open(self.known.get(video.name))]

    @staticmethod
    def _open(line: ScoreLine | None) -> bool:
        return line is None or line.retry is True


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Model directory, or r3d_18, mc3_18 or r2plus1d_18: fetched.")],
    listed: Annotated[
        Path,
        typer.Argument(metavar="LIST", help="path,label a line, as names or indices.", exists=True, dir_okay=False),
    ],
    sampling: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KEY:VALUE,...",
            help="Which clips: frame_rate, clips, stride, tail, as r3d-classify has them; again for another. "
            "Or a name alone: default, torchvision, model (its own). Default: the first two.",
        ),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="What paths are relative to. Default: the list's folder.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write results and figures here; go on with what is here.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Videos at a time. Default: the CPUs.")] = None,
    version: Version = False,
) -> None:
    """How often a model is right: top-1 and top-5 of clips and of videos, by vote and by mean, for each sampling.

    Exit status: 0 all classified, 1 some failed, 2 bad usage, 3 nothing can be classified.
    """
    logging.basicConfig(level=logging.ERROR)
    settings, manifest = _loaded(model)
    with ExitStack() as stack:
        try:
            samplings = samplings_of(sampling or [], manifest.sampling)
            lines = Lines({video.path: video for video in read_labelled(listed, manifest.labels, root)})
            setup = Setup.of(manifest, samplings)
            if out is not None:
                lines.results = stack.enter_context(open_folder(out, setup))
                lines.known = lines_of(out)
        except (StartupError, OSError) as error:
            raise ended(PROGRAM, error, BAD_USAGE) from error
        _tell_samplings(samplings, manifest)
        left, errors = lines.left, Console(stderr=True)
        over = Run(left, stack.enter_context(Names()), lines.add, RunProgress(len(left), errors), errors)
        try:
            over.over(scoring(settings, samplings), jobs or available_cpus())
        except StartupError as error:
            raise ended(PROGRAM, error, CANNOT_START) from error
        figures = figures_of(list(lines.videos.values()), lines.known, list(samplings), len(manifest.labels))
        _tell(figures, manifest.labels, out)
        if out is not None:
            write_figures(out, setup, figures, manifest.labels)
            _draw(out / CONFUSION_PICTURE, figures, manifest.labels)
    if figures.failures:
        raise typer.Exit(SOME_FAILED)


def _loaded(model: Path) -> tuple[Settings, Manifest]:
    try:
        settings = load_settings(model)
        return settings, Manifest.load(settings.model or Path())
    except (StartupError, ManifestError) as error:
        raise ended(PROGRAM, error, CANNOT_START) from error


def _tell_samplings(samplings: Mapping[str, Sampling], manifest: Manifest) -> None:
    """A model's clips have the length that its network was made for, whatever a protocol says."""
    frames = manifest.clip.frames
    for name, sampling in samplings.items():
        typer.echo(f"{name}: {described(sampling, frames)}")
    if "torchvision" in samplings and frames != TORCHVISION_FRAMES:
        typer.echo(
            f"This model takes clips of {frames} frames; torchvision's protocol is with {TORCHVISION_FRAMES}: "
            "build the model with --preset torchvision for it."
        )


def _tell(figures: Figures, labels: Sequence[str], out: Path | None) -> None:
    console = Console(width=None if Console().is_terminal else WIDTH)
    print_figures(console, figures, labels, None if out is None else out / RESULTS)


def _draw(path: Path, figures: Figures, labels: Sequence[str]) -> None:
    try:
        from ..evaluation.plot import plot_confusion
    except ImportError:
        typer.echo(f"{path.name} is left out: it needs matplotlib, of the extra `evaluate`", err=True)
        return
    plot_confusion(path, figures, labels)


def main() -> None:
    """Entry point."""
    app(prog_name=PROGRAM)
