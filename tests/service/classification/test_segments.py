from itertools import pairwise

import numpy as np
import pytest

from service.classification.results import ClipResult
from service.classification.segments import Segment, segments
from service.decoding.messages import ClipSpan
from service.inference.clip_queue import Outcome


def clip(index: int, label: int, probability: float = 0.8, stride: int = 32, length: int = 32) -> ClipResult:
    start = index * stride
    probabilities = np.full(4, (1 - probability) / 3, np.float32)
    probabilities[label] = probability
    span = ClipSpan(
        index=index,
        start_frame=start,
        end_frame=start + length,
        start_seconds=start / 25,
        end_seconds=(start + length) / 25,
    )
    return ClipResult(span, Outcome(probabilities, 0.0, 0.0, 0.0, 1))


def spans(found: list[Segment]) -> list[tuple[int, int, int, int]]:
    return [(each.label_index, each.start_frame, each.end_frame, each.clips) for each in found]


def test_neighbours_with_one_label_are_a_segment() -> None:
    found = segments([clip(0, 1), clip(1, 1, 0.6), clip(2, 3), clip(3, 1)])
    assert spans(found) == [(1, 0, 64, 2), (3, 64, 96, 1), (1, 96, 128, 1)]
    assert found[0].start_seconds == 0
    assert found[0].end_seconds == pytest.approx(2.56)
    assert found[0].confidence == pytest.approx(0.7)


def test_a_clip_under_the_threshold_is_in_none_and_ends_a_run() -> None:
    found = segments([clip(0, 1), clip(1, 1, 0.5), clip(2, 1)], threshold=0.6)
    assert spans(found) == [(1, 0, 32, 1), (1, 64, 96, 1)]
    assert segments([clip(0, 1, 0.5)], threshold=0.6) == []


def test_where_clips_overlap_the_border_is_in_the_middle() -> None:
    found = segments([clip(0, 1, stride=8), clip(1, 1, stride=8), clip(2, 2, stride=8), clip(3, 2, stride=8)])
    assert spans(found) == [(1, 0, 28, 2), (2, 28, 56, 2)]
    assert found[0].end_seconds == found[1].start_seconds == pytest.approx(28 / 25)


@pytest.mark.parametrize("stride", [1, 3, 8, 31, 32, 40])
def test_segments_never_overlap(stride: int) -> None:
    labels = np.random.default_rng(0).integers(0, 3, 60)
    found = segments([clip(index, int(label), stride=stride) for index, label in enumerate(labels)])
    assert sum(each.clips for each in found) == 60
    for earlier, later in pairwise(found):
        assert earlier.start_frame < earlier.end_frame <= later.start_frame
        assert earlier.end_seconds <= later.start_seconds
