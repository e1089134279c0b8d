"""Confusion tables as a picture (needs matplotlib: the extra `evaluate`)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from .figures import Counted, Figures

# With more labels their names could not be read.
MOST_NAMED = 40
INCHES = 4.5


def plot_confusion(path: Path, figures: Figures, labels: Sequence[str]) -> None:
    """A row for each sampling, a column for clips, votes and means; a cell is its share of its row's label."""
    side = max(INCHES, 0.22 * len(labels) if len(labels) <= MOST_NAMED else INCHES)
    columns = len(figures.samplings[0].counted)
    figure = Figure(figsize=(side * columns, side * len(figures.samplings)), layout="constrained")
    axes = figure.subplots(len(figures.samplings), columns, squeeze=False)
    for row, each in zip(axes, figures.samplings, strict=True):
        for axis, counted in zip(row, each.counted, strict=True):
            picture = axis.imshow(_shares(counted), vmin=0, vmax=1, cmap="Blues")
            axis.set_title(f"{each.sampling}: {counted.what}, {counted.top1} of {counted.total}", fontsize=9)
            axis.set_xlabel("answered")
            axis.set_ylabel("label")
            if len(labels) <= MOST_NAMED:
                axis.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
                axis.set_yticks(range(len(labels)), labels, fontsize=7)
    figure.colorbar(picture, ax=axes, shrink=0.5, label="share of the label")
    figure.savefig(path, dpi=120)


def _shares(counted: Counted) -> npt.NDArray[np.float64]:
    counts = counted.confusion.astype(np.float64)
    shares: npt.NDArray[np.float64] = counts / np.maximum(1.0, counts.sum(axis=1, keepdims=True))
    return shares
