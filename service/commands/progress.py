"""How far a run is: bars on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..batch.outcome import OnProgress

LINE_SECONDS = 30.0


class RunProgress:
    """Counts files and tells the rate and the time left, of all files and of each. Use it for the length of a block."""

    def __init__(self, total: int | None, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """`total` files, if that is known; bars if `console` is a terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[about]}"))
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        self._bars = Progress(
            *columns,
            *times,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            # Otherwise what is sent to a file or a program would go to the bars' console.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._total, self._done = total, 0
        self._task = self._bars.add_task("all files", total=total, about="") if total != 1 else None
        self._clock = clock
        self._started = self._told = clock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def watch(self, video: Path) -> Iterator[OnProgress]:
        """Show one file while it is worked on; call what this gives with what is being done to it."""
        task = self._bars.add_task(video.name, total=None, about="")
        began, before = self._clock(), 0.0

        def on_progress(about: str, part: float | None = None) -> None:
            nonlocal began, before
            if part is None or part < before:  # something else is done now: its time is its own
                self._bars.reset(task, total=None if part is None else 1.0)
                began = self._clock()
            before = part or 0.0
            percent = "" if part is None else f", {part:.0%}"
            total = None if part is None else 1.0
            self._bars.update(task, total=total, completed=before, about=f"{about}{percent}")
            if part:
                self._say(f"{video}: {about}{percent}, {_minutes((self._clock() - began) * (1 - part) / part)}")

        try:
            yield on_progress
        finally:
            self._bars.remove_task(task)

    def advance(self) -> None:
        """One more is through."""
        self._done += 1
        if self._task is not None:
            self._bars.update(self._task, advance=1, about=self._count())
            self._say(self.text())

    def leave_out(self) -> None:
        """One fewer is to be done, as it was done before."""
        if self._total is not None and self._task is not None:
            self._total -= 1
            self._bars.update(self._task, total=self._total)

    def text(self) -> str:
        """Files, rate and, where it is known how many there are, time left."""
        if self._total is None:
            return self._count()
        seconds = self._clock() - self._started
        return f"{self._count()}, {_minutes(seconds / max(1, self._done) * max(0, self._total - self._done))}"

    def _count(self) -> str:
        rate = self._done / max(1e-9, self._clock() - self._started)
        of = "" if self._total is None else f" of {max(self._total, self._done)}"
        return f"{self._done}{of} files, {rate:.2g} a second"

    def _say(self, line: str) -> None:
        """A line, where there are no bars, and none was said for a while."""
        now = self._clock()
        if self._bars.disable and now - self._told > LINE_SECONDS:
            self._told = now
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes left"
