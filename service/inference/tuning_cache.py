"""What was measured is kept in the user's cache, for this processor, these packages and this network."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

logger = logging.getLogger(__name__)

# What of /proc/cpuinfo tells processors apart; the model name alone is often just the maker's.
CPU_FIELDS = ("vendor_id", "cpu family", "model", "model name", "stepping", "CPU implementer", "CPU part")
FLAGS = ("flags", "Features")


def processor(cpuinfo: str) -> str:
    """The processor, from the text of /proc/cpuinfo: its names, and a digest of what it can do."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = " ".join(sorted(next((fields[name] for name in FLAGS if name in fields), "").split()))
    names = [fields[name] for name in CPU_FIELDS if name in fields]
    return " ".join([*names, hashlib.sha256(flags.encode()).hexdigest()[:8]])


def this_processor() -> str:
    """The processor of this machine."""
    return processor(Path("/proc/cpuinfo").read_text())


class TuningCache:
    """One file for each combination of what a measurement depends on."""

    def __init__(self, depends_on: Mapping[str, object], folder: Path | None = None) -> None:
        """`folder`: the user's cache unless given."""
        self._depends_on = dict(depends_on)
        key = hashlib.sha256(json.dumps(self._depends_on, sort_keys=True).encode()).hexdigest()
        self.path = (folder or user_cache_path("r3d") / "tuning") / f"{key[:16]}.json"

    def load(self) -> dict[str, float] | None:
        """Seconds per clip of each way, as measured before; None if it was not, or cannot be read."""
        try:
            kept = json.loads(self.path.read_text())
            seconds = {str(name): float(value) for name, value in kept["seconds_per_clip"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return seconds if kept.get("depends_on") == self._depends_on and seconds else None

    def save(self, seconds: Mapping[str, float]) -> None:
        """Keep a measurement, in one step; where nothing can be written, the next start measures again."""
        content = json.dumps({"depends_on": self._depends_on, "seconds_per_clip": dict(seconds)}, indent=1)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent)
            with os.fdopen(handle, "w") as stream:
                stream.write(content)
            Path(name).replace(self.path)
        except OSError as error:
            logger.warning("the choice of precision cannot be kept, and is made again at each start: %s", error)
