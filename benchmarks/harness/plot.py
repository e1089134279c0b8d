"""Plots of the benchmarks' figures (needs matplotlib)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from .machine import Row, machine

plt.switch_backend("Agg")

COLOURS = ("#2f6fb3", "#e08a2e", "#4f9d69", "#a85aa0", "#8a8a8a")


def bars(title: str, names: Sequence[str], series: Mapping[str, Sequence[float]], path: Path) -> None:
    """A horizontal bar chart; each series has an axis of its own, as they differ in unit."""
    figure, axes = plt.subplots(1, len(series), figsize=(4.2 * len(series) + 2, 0.45 * len(names) + 1.4), squeeze=False)
    for axis, colour, (name, values) in zip(axes[0], COLOURS, series.items(), strict=False):
        drawn = axis.barh(range(len(names)), values, color=colour)
        axis.bar_label(drawn, [f"{value:,.4g}" for value in values], padding=3)
        axis.set_yticks(range(len(names)), names if axis is axes[0][0] else [""] * len(names))
        axis.invert_yaxis()
        axis.margins(x=0.2)
        axis.set_xlabel(name.replace("_", " "))
        axis.spines[["top", "right"]].set_visible(False)
    _save(figure, title, path)


# Part of `benchmarks.scale` -> what is drawn against what.
SCALES = {
    "length": ("clips", "seconds", "peak_over_idle_mb"),
    "clients": ("clients", "clips_per_second", "p99_ms"),
    "fairness": ("long_videos", "p50_ms", "p95_ms"),
}


def lines(parts: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Cost against length, clients and long videos in progress: two lines each."""
    drawn = [part for part in SCALES if part in parts]
    figure, axes = plt.subplots(2, len(drawn), figsize=(3.6 * len(drawn), 5), squeeze=False, sharex="col")
    for column, part in enumerate(drawn):
        against, *values = SCALES[part]
        for row, value in enumerate(values):
            axis = axes[row][column]
            x, y = ([float(str(each[name])) for each in parts[part]] for name in (against, value))
            axis.plot(x, y, "o-", color=COLOURS[row])
            axis.set_ylabel(value.replace("_", " "))
            axis.set_ylim(0, 1.15 * max(y))
            axis.grid(alpha=0.3)
            if part == "clients":
                axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes[1][column].set_xlabel(against.replace("_", " "))
    _save(figure, "How the service scales", path)


def _save(figure: Figure, title: str, path: Path) -> None:
    figure.suptitle(f"{title}\n{machine()['cpu']}, {machine()['cpus']} CPUs", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
