"""What every benchmark does with its figures: a table on the terminal, JSON, a plot."""

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from service.settings import available_cpus

Row = Mapping[str, object]
R = TypeVar("R", bound=Row)


def parser(description: str | None, videos: bool = False) -> argparse.ArgumentParser:
    """The options that all benchmarks have; with `videos`, the files to measure with too."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if videos:
        made.add_argument("videos", type=Path, nargs="+", help="real footage")
    made.add_argument("--json", type=Path, help="write the figures to this file too")
    made.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them (needs matplotlib)")
    return made


def machine() -> dict[str, object]:
    """What this was measured on."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":", 1)[1].strip() if names else platform.processor()
    return {"cpu": name, "cpus": available_cpus(), "python": platform.python_version()}


def show(title: str, rows: Sequence[Row]) -> None:
    """Rows as a table."""
    table = Table(*map(str, rows[0]), title=title)
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    # Wide enough that nothing is cut when the output is a file.
    Console(width=None if Console().is_terminal else 160).print(table)


def save(figures: object, path: Path | None) -> None:
    """Write figures with the machine's description, if a path is given."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1))


def finish(title: str, rows: Sequence[Row], args: argparse.Namespace, label: str, values: Sequence[str]) -> None:
    """Table, JSON and plot of `rows`: a group of bars for each row's `label`, a bar for each of its `values`."""
    show(title, rows)
    save(rows, args.json)
    if args.plot is not None:
        from .plot import bars

        names = [str(row[label]) for row in rows]
        series = {value: [float(str(row[value])) for row in rows] for value in values}
        bars(title, names, series, args.plot)
