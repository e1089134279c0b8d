"""How far a run over many files is: bars on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

LINE_SECONDS = 30.0


def progress_bars() -> Progress:
    """Bars on standard error, if that is a terminal."""
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[about]}"), TimeElapsedColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


@contextmanager
def bar_of(progress: Progress, video: Path) -> Iterator[Callable[[str], None]]:
    """A bar for one file; call what this gives with what is being done to it."""
    task = progress.add_task(video.name, total=None, about="")
    try:
        yield lambda about: progress.update(task, about=about)
    finally:
        progress.remove_task(task)


class RunProgress:
    """Counts files and tells the rate and the time left."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._done = total, 0
        self._progress = progress
        self._task = progress.add_task("all files", total=total, about="") if total > 1 else None
        self._started = self._told = time.monotonic()

    def advance(self) -> None:
        """One more is through."""
        self._done += 1
        if self._task is not None:
            self._progress.update(self._task, advance=1, about=self.text())
        now = time.monotonic()
        if self._progress.disable and now - self._told > LINE_SECONDS:
            self._told = now
            self._progress.console.print(self.text())

    def text(self) -> str:
        """Files, rate and time left."""
        rate = self._done / max(1e-9, time.monotonic() - self._started)
        left = (self._total - self._done) / rate if rate else 0.0
        return f"{self._done} of {self._total} files, {rate:.2g} a second, {left / 60:.1f} minutes left"
