"""How far a run is, for people who look, and in a log."""

import io
from pathlib import Path

from rich.console import Console

from service.commands.progress import RunProgress


def test_rate_and_time_left_are_told() -> None:
    seconds = 0.0
    progress = RunProgress(10, Console(file=io.StringIO()), lambda: seconds)
    seconds = 20.0
    progress.advance()
    assert progress.text() == "1 of 10 files, 0.05 a second, 3.0 minutes left"


def test_how_many_there_are_need_not_be_known() -> None:
    seconds = 0.0
    progress = RunProgress(None, Console(file=io.StringIO()), lambda: seconds)
    seconds = 2.0
    progress.advance()
    assert progress.text() == "1 files, 0.5 a second"


def test_files_that_were_done_before_are_not_counted() -> None:
    progress = RunProgress(3, Console(file=io.StringIO()))
    progress.leave_out()
    progress.advance()
    assert progress.text().startswith("1 of 2 files, ")


def test_one_long_file_is_told_of_now_and_then_without_a_terminal() -> None:
    seconds, written = 0.0, io.StringIO()
    with (
        RunProgress(1, Console(file=written), lambda: seconds) as progress,
        progress.watch(Path("film.mp4")) as on_progress,
    ):
        for percent in range(1, 21):
            seconds = percent * 10.0
            on_progress(f"{percent} clips", percent / 100)
    lines = written.getvalue().splitlines()
    assert lines[0] == "film.mp4: 4 clips, 4%, 16.0 minutes left"
    assert len(lines) == 5


def test_a_terminal_shows_percentage_and_time_left() -> None:
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=120)
    with RunProgress(1, terminal) as progress, progress.watch(Path("film.mp4")) as on_progress:
        on_progress("uploading", 0.9)
        on_progress("7 clips", 0.25)
        progress._bars.refresh()
    assert "film.mp4" in written.getvalue()
    assert "7 clips, 25%" in written.getvalue()
