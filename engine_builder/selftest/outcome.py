"""What a check found."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Figures = Mapping[str, float | str]


class FailedCheckError(Exception):
    """A check that ran, and found what should not be. Its text says what."""


@dataclass(frozen=True)
class Outcome:
    """One row of the report. `seconds`: how long the check took."""

    check: str
    status: Literal["good", "failed", "left out"]
    detail: str = ""
    seconds: float = 0.0
    figures: Figures = field(default_factory=dict)


def attempt(check: str, run: Callable[[], Figures]) -> Outcome:
    """Run a check. Whatever it raises is its outcome: the others go on."""
    started = time.perf_counter()
    try:
        figures = run()
    except Exception as error:  # a runtime may raise anything
        kind = "" if isinstance(error, FailedCheckError) else f"{type(error).__name__}: "
        return Outcome(check, "failed", f"{kind}{error}", time.perf_counter() - started)
    detail = ", ".join(f"{name} {value}" for name, value in figures.items())
    return Outcome(check, "good", detail, time.perf_counter() - started, figures)
