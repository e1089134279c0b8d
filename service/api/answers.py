"""Results to the JSON the service answers with."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from engine_builder.manifest import Manifest

from ..classification.results import Classification, ClipResult
from ..classification.segments import Segment, segments
from ..classification.vote import top_indices
from ..inference.backends.protocol import Description
from .schemas import (
    ClassifyAnswer,
    ClipAnswer,
    ClipLabels,
    ModelAnswer,
    SamplingAnswer,
    SegmentAnswer,
    TimingAnswer,
    Top,
    VideoAnswer,
    Warned,
)

# A mean probability from which a label is told without a warning.
SURE_MEAN = 0.5


def model_answer(manifest: Manifest, description: Description) -> ModelAnswer:
    """The model, and what runs it."""
    return ModelAnswer(
        name=manifest.name,
        architecture=manifest.architecture,
        backend=description.backend,
        precision=description.precision,
        device=description.device,
        weights_sha256=manifest.weights_sha256,
    )


def top_labels(probabilities: npt.NDArray[np.floating[Any]], labels: tuple[str, ...], top_k: int) -> list[Top]:
    """The `top_k` best labels of probabilities, [classes]."""
    indices = top_indices(probabilities, top_k)
    return [Top(label=labels[i], label_index=i, probability=float(probabilities[i])) for i in indices]


def clip_labels(result: ClipResult, labels: tuple[str, ...], top_k: int) -> ClipLabels:
    """One clip with its `top_k` best labels."""
    top = top_labels(result.probabilities, labels, top_k)
    place, best = result.span.model_dump(exclude={"kind", "sampling"}), top[0].model_dump()
    return ClipLabels(**place, **best, top=top, embedding=result.embedding)


def clip_answer(result: ClipResult, labels: tuple[str, ...], top_k: int, video_label: int) -> ClipAnswer:
    """One clip of a video whose label is known."""
    known = clip_labels(result, labels, top_k)
    return ClipAnswer(**dict(known), video_label_probability=float(result.probabilities[video_label]))


def classify_answer(
    done: Classification, manifest: Manifest, description: Description, top_k: int, upload_seconds: float = 0.0
) -> ClassifyAnswer:
    """The whole answer."""
    label = done.verdict.label_index
    found = segments(done.clips, done.sampling.threshold)
    return ClassifyAnswer(
        label=manifest.labels[label],
        label_index=label,
        votes=done.verdict.votes,
        confidence=done.verdict.confidence,
        warnings=_warnings(done, found),
        top=top_labels(done.verdict.means, manifest.labels, top_k),
        segments=[SegmentAnswer(label=manifest.labels[each.label_index], **asdict(each)) for each in found],
        clips=[clip_answer(result, manifest.labels, top_k, label) for result in done.clips],
        sampling=_sampling(done, manifest.clip.frames),
        video=_video(done, manifest.clip.frames),
        model=model_answer(manifest, description),
        timing=TimingAnswer(
            upload_ms=upload_seconds * 1000,
            decode_ms=done.ended.busy_seconds * 1000,
            decoder=done.ended.decoder,
            queue_ms=done.queue_seconds * 1000,
            inference_ms=done.inference_seconds * 1000,
            total_ms=(upload_seconds + done.total_seconds) * 1000,
        ),
    )


def _video(done: Classification, clip_frames: int) -> VideoAnswer:
    return VideoAnswer(
        frames=done.ended.frames,
        frames_used=len(done.clips) * clip_frames,
        partial=done.ended.partial,
        codec=done.opened.codec,
        width=done.opened.width,
        height=done.opened.height,
        frame_rate=done.opened.frame_rate,
        duration_seconds=done.ended.duration_seconds,
    )


def _sampling(done: Classification, clip_frames: int) -> SamplingAnswer:
    return SamplingAnswer(
        **done.sampling.model_dump(exclude={"clips", "stride"}),
        clips="all" if done.sampling.clips is None else done.sampling.clips,
        clip_frames=clip_frames,
        stride=done.sampling.stride_of(clip_frames),
        start=done.start,
        end=done.end,
    )


def _warnings(done: Classification, found: Sequence[Segment]) -> list[Warned]:
    verdict = done.verdict
    sure = verdict.votes * 2 >= len(done.clips) and verdict.confidence >= SURE_MEAN
    named = any(each.label_index == verdict.label_index for each in found)
    warnings: dict[Warned, bool] = {
        "low confidence": not (sure and named),
        "partial": done.ended.partial,
        "frames repeated": done.ended.repeated > 0,
    }
    return [name for name, there in warnings.items() if there]
