"""The log: JSON lines for machines, plain text on a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from .context import about


class JsonFormatter(logging.Formatter):
    """One JSON object a line; which request it is about, and a record's `facts`, become its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **about(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """For people; which request a line is about, and its facts, follow the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        facts = {**about(), **getattr(record, "facts", {})}
        return " ".join([super().format(record), *(f"{key}={value}" for key, value in facts.items())])


def configure(stream: TextIO = sys.stderr) -> None:
    """Log to `stream` from now on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if stream.isatty() else JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
