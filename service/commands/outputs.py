"""What `r3d-classify` prints of a file on standard output."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rich.console import Console

from ..api.formats import TEXTS
from ..batch.outcome import Outcome, Refusal
from ..batch.results_file import ProblemLine
from .tables import print_answer

Format = Literal["table", "json", "csv", "vtt", "srt"]

Report = Callable[[Path, Outcome], None]


def report_in(form: Format, every_clip: bool) -> Report:
    """What prints each file's outcome; failures only as JSON, which is for programs."""

    def report(video: Path, outcome: Outcome) -> None:
        if form == "json":
            print(json_line(video, outcome), flush=True)
        elif isinstance(outcome, Refusal):
            return
        elif form == "table":
            print_answer(Console(), video, outcome, every_clip)
        else:
            print(TEXTS[form][1](outcome), flush=True)

    return report


def json_line(video: Path, outcome: Outcome) -> str:
    """The service's answer with the file's name before it; or with a `problem` why there is none.

    In ASCII: a file's name need not be UTF-8.
    """
    if isinstance(outcome, Refusal):
        retry = {"retry": True} if outcome.is_passing else {}
        return json.dumps({"file": str(video), "problem": ProblemLine.of(outcome).model_dump(), **retry})
    return json.dumps({"file": str(video), **outcome.model_dump()})
