"""An answer as tables, for people."""

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from ..api.schemas import ClassifyAnswer

TOP_SHOWN = 3


def tables_of(video: Path, answer: ClassifyAnswer, every_clip: bool = False) -> Iterator[Table]:
    """Segments and verdict; below them the clips, where they are asked for or say more than the segments."""
    yield _segments(video, answer)
    if every_clip:
        yield _clips(answer)


def _segments(video: Path, answer: ClassifyAnswer) -> Table:
    table = Table("seconds", "label", "clips", "confidence", title=str(video), caption=_verdict(answer))
    for each in answer.segments:
        seconds = f"{each.start_seconds:.2f} – {each.end_seconds:.2f}"
        table.add_row(seconds, each.label, str(each.clips), f"{each.confidence:.2f}")
    return table


def _verdict(answer: ClassifyAnswer) -> str:
    verdict = f"{answer.label}: {answer.votes} of {len(answer.clips)} clips, confidence {answer.confidence:.2f}"
    return f"{verdict} ({', '.join(answer.warnings)})" if answer.warnings else verdict


def _clips(answer: ClassifyAnswer) -> Table:
    table = Table("clip", "seconds", "label", "probability", "then")
    for clip in answer.clips:
        then = ", ".join(f"{top.label} {top.probability:.2f}" for top in clip.top[1:TOP_SHOWN])
        seconds = f"{clip.start_seconds:.2f} – {clip.end_seconds:.2f}"
        table.add_row(str(clip.index), seconds, clip.label, f"{clip.probability:.2f}", then)
    return table
