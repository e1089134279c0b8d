"""The settings of a process that Ray starts."""

import math
import os

from ..settings import PREFIX


def environment(cpus: float) -> dict[str, str]:
    """What is set here, and as many decoders and threads as the process has CPUs."""
    count = str(math.ceil(cpus))
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return {f"{PREFIX}DECODE_WORKERS": count, f"{PREFIX}CPU_THREADS": count} | given
