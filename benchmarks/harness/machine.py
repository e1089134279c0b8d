"""The machine that was measured on, and a row of what was measured."""

import platform
from collections.abc import Mapping
from pathlib import Path

from service.machine import available_cpus

Row = Mapping[str, object]


def machine() -> dict[str, object]:
    """What this was measured on."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":", 1)[1].strip() if names else platform.processor()
    return {"cpu": name, "cpus": available_cpus(), "python": platform.python_version()}
