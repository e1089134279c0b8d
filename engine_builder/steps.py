"""What a long command is doing: on a terminal a line with the time that it takes, elsewhere a line for each step."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Call it, within its block, with what is done next. It writes to `console`, which is for people."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        terminal = console.is_terminal
        self._shown = Progress(*columns, console=console, transient=True, disable=not terminal, redirect_stdout=False)
        self._task = self._shown.add_task("")

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.stop()

    def __call__(self, step: str) -> None:
        """Say what is done next."""
        if self._shown.disable:
            self._console.print(step, soft_wrap=True, markup=False, highlight=False)
        else:
            self._shown.update(self._task, description=step)
