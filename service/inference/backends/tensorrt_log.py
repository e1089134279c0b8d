"""TensorRT's own messages, in the service's log."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)

# By TensorRT's severities, from INTERNAL_ERROR to INFO; VERBOSE is left out.
LEVELS = (logging.ERROR, logging.ERROR, logging.WARNING, logging.DEBUG)
ERROR_SEVERITY = 1


class Errors(threading.local):
    """What TensorRT complained of in this thread, while somebody listened."""

    heard: list[str] | None = None


class EngineLog:
    """Where one TensorRT module sends its messages."""

    def __init__(self, trt: Any) -> None:
        """`trt`: the module."""
        self._errors = Errors()
        self.sink = _sink(trt, self._take)

    def _take(self, severity: int, message: str) -> None:
        if severity < len(LEVELS):
            logger.log(LEVELS[severity], "%s", message.strip())
        if severity <= ERROR_SEVERITY and self._errors.heard is not None:
            self._errors.heard.append(message.strip())

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """The errors of this thread, as they come, until the end of the block."""
        heard = self._errors.heard = []
        try:
            yield heard
        finally:
            self._errors.heard = None


@cache
def log_of(trt: Any) -> EngineLog:
    """The one log of a TensorRT module: TensorRT keeps the first that it is given for as long as the process lives."""
    return EngineLog(trt)


def _sink(trt: Any, take: Any) -> Any:
    """TensorRT's own interface for its messages, on top of a function."""

    class Sink(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            take(int(severity), msg)

    return Sink()
