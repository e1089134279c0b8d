"""Measuring things against each other on a machine whose speed drifts."""

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from service.settings import available_cpus


def in_turn(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run, `rounds` times, all of them in turn each round, after one round not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of the rounds' ratios, theirs over ours: above 1, ours is faster."""
    return statistics.median(their / our for our, their in zip(ours, theirs, strict=True))


def machine() -> dict[str, object]:
    """What this was measured on."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":", 1)[1].strip() if names else platform.processor()
    return {"cpu": name, "cpus": available_cpus(), "python": platform.python_version()}


def save(figures: object, path: Path | None) -> None:
    """Write figures with the machine's description, if a path is given."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1))
