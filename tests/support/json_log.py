"""The lines that the log of a server in this process has, as JSON."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.telemetry.logs import JsonFormatter


class _Collect(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(JsonFormatter().format(record)))


@contextmanager
def json_log(name: str = "service", level: int = logging.INFO) -> Iterator[list[dict[str, Any]]]:
    """What the logger `name` and those below it are told while the block lasts."""
    logger, collect = logging.getLogger(name), _Collect()
    before = logger.level
    logger.addHandler(collect)
    logger.setLevel(level)
    try:
        yield collect.lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(collect)
