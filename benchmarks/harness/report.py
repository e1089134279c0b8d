"""What every benchmark does with its figures: a table on the terminal, JSON, a plot; and the options for it."""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .machine import Row, machine

Videos = Annotated[list[Path], typer.Argument(help="Real footage.", exists=True, dir_okay=False)]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures to this file too.")]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw them (needs matplotlib).")]
Rounds = Annotated[int, typer.Option("--rounds", min=1, help="Measurements of each, in turn.")]
Seconds = Annotated[float, typer.Option("--seconds", min=0.1, help="How long each load lasts.")]
FullSize = Annotated[bool, typer.Option("--full-size", help="r3d_18 at full size in place of the bundled model.")]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table."""
    table = Table(*map(str, rows[0]), title=title)
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    # Wide enough that nothing is cut when the output is a file.
    Console(width=None if Console().is_terminal else 160).print(table)


def save(figures: object, path: Path | None) -> None:
    """Write figures with the machine's description, if a path is given."""
    if path is not None:
        path.write_text(json_format.dumps({"machine": machine(), "figures": figures}, indent=1))


def finish(
    title: str, rows: Sequence[Row], label: str, values: Sequence[str], json: Path | None, plot: Path | None
) -> None:
    """Table, JSON and plot of `rows`: a group of bars for each row's `label`, a bar for each of its `values`."""
    show(title, rows)
    save(rows, json)
    if plot is not None:
        from .plot import bars

        names = [str(row[label]) for row in rows]
        series = {value: [float(str(row[value])) for row in rows] for value in values}
        bars(title, names, series, plot)
