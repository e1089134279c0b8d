import re

from service.commands.progress import RunProgress, progress_bars


def test_rate_and_time_left_are_told() -> None:
    progress = RunProgress(10, progress_bars())
    progress.advance()
    assert re.fullmatch(r"1 of 10 files, [\d.e+]+ a second, [\d.]+ minutes left", progress.text())
