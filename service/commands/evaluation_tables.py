"""An evaluation's figures for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..evaluation.figures import Counted, Failure, Figures, SamplingFigures

# A confusion table of more labels is for the file and the picture.
MOST_LABELS = 20
# Clips and votes; means are seldom different.
SHOWN = 2
FAILURES_TOLD = 20


def print_figures(console: Console, figures: Figures, labels: Sequence[str], results: Path | None) -> None:
    """Top-1 and top-5, the confusion tables of few labels, and the videos that failed; `results` has all of those."""
    if len(labels) <= MOST_LABELS:
        for each in figures.samplings:
            for counted in each.counted[:SHOWN]:
                console.print(_confusion(each.sampling, counted, labels))
                console.print()
    console.print(_top(figures))
    for line in _sentences(figures, results):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _top(figures: Figures) -> Table:
    table = Table(
        "sampling", "clips a video", "failed", "counted", "top-1", "", "top-5", "top-1 of all", "top-5 of all"
    )
    for each in figures.samplings:
        for place, counted in enumerate(each.counted):
            about = _about(each) if place == 0 else ("", "", "")
            table.add_row(*about, *_row(counted), end_section=counted is each.counted[-1])
    return table


def _about(each: SamplingFigures) -> tuple[str, str, str]:
    return each.sampling, f"{each.clips_per_video:.2f}", str(each.failed)


def _row(counted: Counted) -> tuple[str, ...]:
    top1, top5 = counted.top1, counted.top5
    of_all = (_percent(counted.share_of_every(top1)), _percent(counted.share_of_every(top5)))
    right = f"{top1} of {counted.total}"
    return counted.what, _percent(counted.share(top1)), right, _percent(counted.share(top5)), *of_all


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _confusion(sampling: str, counted: Counted, labels: Sequence[str]) -> Table:
    title = f"{sampling}, {counted.what}: {counted.top1} of {counted.total} right"
    table = Table("", *map(str, range(len(labels))), "", title=title, title_justify="left", box=None)
    for index, row in enumerate(counted.confusion):
        right = _percent(row[index] / row.sum() if row.sum() else None)
        table.add_row(f"{index} {labels[index]}", *map(str, row), right)
    return table


def _sentences(figures: Figures, results: Path | None) -> Iterator[str]:
    seconds = f"{figures.seconds:.3g} s a video for all samplings"
    busy = f"decoding, once for all, {figures.decode_seconds:.3g} s, the network {figures.network_seconds:.3g} s"
    yield f"{seconds} ({busy}); {'; '.join(figures.backends) or 'nothing was classified'}"
    if figures.failures:
        yield f'{len(figures.failures)} failed; "of all" counts them as wrong:'
    told = figures.failures if results is None else figures.failures[:FAILURES_TOLD]
    for failure in told:
        yield f"  {_failed(failure)}"
    if len(told) < len(figures.failures):
        yield f"  and {len(figures.failures) - len(told)} more, in {results}"


def _failed(failure: Failure) -> str:
    where = f" ({failure.sampling})" if failure.sampling else ""
    return f"{failure.name}{where}: {failure.reason}"
