"""How often a model was right, from the lines of a results file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .counting import Indices, among_first, confusion
from .labelled import Labelled
from .scores import SamplingScore, ScoreLine


@dataclass(frozen=True)
class Counted:
    """Of so many clips, or videos, how many had their label first, and how many among the first five.

    `every`: as `total`, with the videos that could not be classified; None for clips, of which such a video has none.
    `confusion`: int64 [classes, classes], rows the truth.
    """

    what: str
    total: int
    top1: int
    top5: int
    every: int | None
    confusion: Indices

    def share(self, right: int) -> float | None:
        """Of what was classified; None if that is nothing."""
        return right / self.total if self.total else None

    def share_of_every(self, right: int) -> float | None:
        """Of all videos, failed ones counted as wrong."""
        return right / self.every if self.every else None


@dataclass(frozen=True)
class Failure:
    """A video without an answer; by all samplings, or by the one that is named."""

    name: str
    sampling: str | None
    reason: str


@dataclass(frozen=True)
class SamplingFigures:
    """Of one sampling: `videos` of the list that were classified, and what they and their clips show."""

    sampling: str
    videos: int
    failed: int
    clips: int
    counted: tuple[Counted, ...]

    @property
    def clips_per_video(self) -> float:
        """Of those that were classified."""
        return self.clips / self.videos if self.videos else 0.0


@dataclass(frozen=True)
class Figures:
    """Of an evaluation. Seconds are per classified video: to the last verdict, busy decoding, in the network.

    A video is decoded once for all samplings, and its seconds are for all of them. `backends`: what ran the network.
    """

    samplings: tuple[SamplingFigures, ...]
    failures: tuple[Failure, ...]
    seconds: float
    decode_seconds: float
    network_seconds: float
    backends: tuple[str, ...]


def figures_of(
    videos: Sequence[Labelled], lines: Mapping[str, ScoreLine], samplings: Sequence[str], classes: int
) -> Figures:
    """What the lines, by a video's name in the list, say of the videos; each must have one."""
    scores = [score for video in videos if (score := lines[video.name].score) is not None]
    return Figures(
        samplings=tuple(_of_sampling(name, videos, lines, classes) for name in samplings),
        failures=tuple(_failures(videos, lines)),
        seconds=_mean([score.seconds for score in scores]),
        decode_seconds=_mean([score.decode_seconds for score in scores]),
        network_seconds=_mean([score.network_seconds for score in scores]),
        backends=tuple(dict.fromkeys(score.backend for score in scores)),
    )


def _of_sampling(
    name: str, videos: Sequence[Labelled], lines: Mapping[str, ScoreLine], classes: int
) -> SamplingFigures:
    found: list[tuple[int, SamplingScore]] = []
    for video in videos:
        score = lines[video.name].score
        if score is not None and name in score.samplings:
            found.append((video.label, score.samplings[name]))
    clips = [(label, ranked) for label, score in found for ranked in score.clips]
    counted = (
        _counted("clips", clips, None, classes),
        _counted("videos by vote", [(label, score.vote) for label, score in found], len(videos), classes),
        _counted("videos by mean", [(label, score.mean) for label, score in found], len(videos), classes),
    )
    return SamplingFigures(name, len(found), len(videos) - len(found), len(clips), counted)


def _counted(what: str, found: Sequence[tuple[int, list[int]]], every: int | None, classes: int) -> Counted:
    truth = np.array([label for label, _ in found], np.int64)
    ranked = np.array([best for _, best in found], np.int64).reshape(len(found), -1 if found else 1)
    matrix = confusion(truth, ranked[:, 0], classes)
    return Counted(what, len(found), int(matrix.trace()), among_first(truth, ranked), every, matrix)


def _failures(videos: Sequence[Labelled], lines: Mapping[str, ScoreLine]) -> Iterator[Failure]:
    for video in videos:
        line = lines[video.name]
        if line.problem is not None:
            yield Failure(video.name, None, line.problem.detail)
        elif line.score is not None:
            for sampling, problem in line.score.problems.items():
                yield Failure(video.name, sampling, problem.detail)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
