"""Which clips of a long video are traced."""

import numpy as np

from service.classification.results import ClipResult
from service.decoding.messages import ClipSpan
from service.inference.clip_queue import Outcome
from service.telemetry.metrics import Metrics
from service.telemetry.request_record import TRACED_CLIPS, RequestRecord


def record_of(clips: int, seconds_each: float) -> RequestRecord:
    """A request whose clips come at an even pace, from its start."""
    record = RequestRecord(Metrics(), started=100.0)
    for index in range(clips):
        finished = record.started + (index + 1) * seconds_each
        span = ClipSpan(
            index=index, start_frame=32 * index, end_frame=32 * index + 32, start_seconds=index, end_seconds=index + 1
        )
        outcome = Outcome(np.ones(1, np.float32), finished - 0.2, finished - 0.1, finished, batch=1)
        record.clip(ClipResult(span, outcome))
    return record


def traced(record: RequestRecord) -> list[object]:
    return [span.attributes["clip"] for span in record.spans if span.name == "inference"]


def test_of_a_short_video_every_clip_is_traced() -> None:
    assert traced(record_of(TRACED_CLIPS, 0.1)) == list(range(TRACED_CLIPS))


def test_a_trace_of_an_hour_reaches_to_its_end_and_stays_small() -> None:
    clips = 36_000
    found = traced(record_of(clips, 0.1))
    assert found[:TRACED_CLIPS] == list(range(TRACED_CLIPS))
    assert len(found) < 130
    assert found[-1] > 0.9 * clips  # type: ignore[operator]
