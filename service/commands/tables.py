"""An answer for people."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..api.schemas import ClassifyAnswer

TOP_SHOWN = 3


def print_answer(console: Console, video: Path, answer: ClassifyAnswer, every_clip: bool = False) -> None:
    """The file's name, its segments, the clips if they are asked for, and the verdict."""
    console.print(str(video), style="italic", markup=False, soft_wrap=True)
    for table in _tables(answer, every_clip):
        console.print(table)
    console.print(_verdict(answer), markup=False, soft_wrap=True)


def _tables(answer: ClassifyAnswer, every_clip: bool) -> Iterator[Table]:
    if answer.segments:
        yield _segments(answer)
    if every_clip:
        yield _clips(answer)


def _segments(answer: ClassifyAnswer) -> Table:
    table = Table("seconds", "label", "clips", "confidence")
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
