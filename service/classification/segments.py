"""Clips to segments: runs of neighbouring clips with one label. Pure functions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from .results import ClipResult


@dataclass(frozen=True)
class Segment:
    """A run of `clips` neighbouring clips whose top-1 is one label.

    `confidence`: the mean of their probabilities of it. Frames are the video's own; `end_frame` is one past the last.
    """

    label_index: int
    start_seconds: float
    end_seconds: float
    start_frame: int
    end_frame: int
    clips: int
    confidence: float


def segments(results: Sequence[ClipResult], threshold: float = 0.0) -> list[Segment]:
    """In order, never overlapping: where clips of two labels overlap, the border is in the middle.

    A clip whose top probability is less than `threshold` is in none, and ends a run.
    """
    return list(_apart(_segment(label, run) for label, run in _runs(results, threshold)))


def _runs(results: Sequence[ClipResult], threshold: float) -> Iterator[tuple[int, list[ClipResult]]]:
    def label_of(result: ClipResult) -> int | None:
        best = int(result.probabilities.argmax())
        return best if result.probabilities[best] >= threshold else None

    for label, run in groupby(results, label_of):
        if label is not None:
            yield label, list(run)


def _segment(label: int, run: list[ClipResult]) -> Segment:
    first, last = run[0].span, run[-1].span
    confidence = sum(float(result.probabilities[label]) for result in run) / len(run)
    times = (first.start_seconds, last.end_seconds, first.start_frame, last.end_frame)
    return Segment(label, *times, len(run), confidence)


def _apart(found: Iterable[Segment]) -> Iterator[Segment]:
    held: Segment | None = None
    for segment in found:
        if held is not None:
            if held.end_frame > segment.start_frame:
                seconds = (segment.start_seconds + held.end_seconds) / 2
                frame = (segment.start_frame + held.end_frame) // 2
                held = replace(held, end_seconds=seconds, end_frame=frame)
                segment = replace(segment, start_seconds=seconds, start_frame=frame)
            yield held
        held = segment
    if held is not None:
        yield held
