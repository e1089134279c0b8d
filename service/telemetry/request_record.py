"""What one request did: a line in the log, the metrics, and the spans of its trace."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..classification.results import Classification, ClipResult
from .metrics import Metrics

logger = logging.getLogger("service.requests")

# The first clips of a video are traced, then one whenever the request has become a tenth older: a trace reaches over
# all of a request's time, and has some hundred clips after an hour.
TRACED_CLIPS = 32
OLDER = 1.1
# What supervisors ask every few seconds, and a page's files.
QUIET = (
    "/health",
    "/health/live",
    "/v2/health/live",
    "/v2/health/ready",
    "/metrics",
    "/static",
    "/swagger",
)
CLASSIFY = ("/v1/classify", "/classify")
CLIENT_LEFT = "client-left"


@dataclass(frozen=True)
class Span:
    """A stretch of a request's time, seconds of `time.monotonic`."""

    name: str
    start: float
    end: float
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass
class RequestRecord:
    """Filled while a request is answered, or a job worked on (`background`), in the event loop."""

    metrics: Metrics
    started: float = field(default_factory=time.monotonic)
    outcome: str = "ok"
    facts: dict[str, str | int | float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    background: bool = False
    _traced_age: float = 0.0
    _clips: int = 0
    _frames: int = 0

    def uploaded(self, started: float, size: int) -> None:
        """The video is there, `size` bytes, received since `started`."""
        now = time.monotonic()
        self.metrics.upload_bytes.inc(size)
        self._spend("upload", started, now)
        self.facts["upload_bytes"] = size
        self.spans.append(Span("upload", started, now, {"bytes": size}))

    def clip(self, result: ClipResult) -> None:
        """A clip is classified."""
        outcome = result.outcome
        self._clips += 1
        self.metrics.clips.inc()
        self.metrics.frames.inc(max(0, result.span.end_frame - self._frames))
        self._frames = result.span.end_frame
        if not self.background:  # a job waits for requests: its time would be taken for theirs
            self._spend("queue", outcome.submitted, outcome.started)
        self.metrics.seconds.labels("inference").observe(outcome.inference_seconds)
        if self._is_traced(outcome.finished):
            clip = {"clip": result.span.index}
            self.spans.append(Span("queue", outcome.submitted, outcome.started, clip))
            self.spans.append(Span("inference", outcome.started, outcome.finished, {**clip, "batch": outcome.batch}))

    def classified(self, done: Classification) -> None:
        """The video is through."""
        self.metrics.videos.inc()
        self.metrics.decoded.labels(done.ended.decoder).inc()
        if done.ended.fallback is not None:
            self.metrics.fallbacks.labels(done.ended.fallback).inc()
            self.facts["nvdec_fallback"] = done.ended.fallback
        self.metrics.seconds.labels("decode").observe(done.ended.busy_seconds)
        self.facts |= {"frames": done.ended.frames, "clips": len(done.clips), "codec": done.opened.codec}
        self.facts["decoder"] = done.ended.decoder
        busy = {"frames": done.ended.frames, "busy_seconds": done.ended.busy_seconds}
        self.spans.append(Span("decode", done.started, done.decoded, busy))

    def close(self, route: str, method: str, status: int, request_id: str) -> None:
        """The request is over: count and log it."""
        now = time.monotonic()
        if route in CLASSIFY:
            self.metrics.requests.labels(self.outcome).inc()
            self._spend("total", self.started, now)
        line = {
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "outcome": self.outcome,
            "seconds": round(now - self.started, 4),
            **self.facts,
        }
        level = logging.DEBUG if route in QUIET else logging.INFO
        logger.log(level, "%s %s %d %s", method, route, status, self.outcome, extra={"facts": line})

    def _is_traced(self, finished: float) -> bool:
        """Of the clip that was counted last."""
        age = finished - self.started
        if self._clips > TRACED_CLIPS and age < OLDER * self._traced_age:
            return False
        self._traced_age = age
        return True

    def _spend(self, stage: str, start: float, end: float) -> None:
        self.metrics.seconds.labels(stage).observe(max(0.0, end - start))
