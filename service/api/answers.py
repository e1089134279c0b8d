"""Results to the JSON the service answers with."""

from engine_builder.manifest import Manifest

from ..classification.results import Classification, ClipResult
from ..classification.vote import top_indices
from ..inference.backends.protocol import Description
from .schemas import ClassifyAnswer, ClipAnswer, ClipLabels, ModelAnswer, TimingAnswer, Top, VideoAnswer


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


def clip_labels(result: ClipResult, labels: tuple[str, ...], top_k: int) -> ClipLabels:
    """One clip with its `top_k` best labels."""
    indices = top_indices(result.probabilities, top_k)
    top = [Top(label=labels[i], label_index=i, probability=float(result.probabilities[i])) for i in indices]
    return ClipLabels(**result.span.model_dump(exclude={"kind"}), **top[0].model_dump(), top=top)


def clip_answer(result: ClipResult, labels: tuple[str, ...], top_k: int, video_label: int) -> ClipAnswer:
    """One clip of a video whose label is known."""
    known = clip_labels(result, labels, top_k)
    return ClipAnswer(**dict(known), video_label_probability=float(result.probabilities[video_label]))


def classify_answer(
    done: Classification, manifest: Manifest, description: Description, top_k: int, upload_seconds: float = 0.0
) -> ClassifyAnswer:
    """The whole answer."""
    label = done.verdict.label_index
    return ClassifyAnswer(
        label=manifest.labels[label],
        label_index=label,
        votes=done.verdict.votes,
        confidence=done.verdict.confidence,
        clips=[clip_answer(result, manifest.labels, top_k, label) for result in done.clips],
        video=_video(done, manifest.clip.frames),
        model=model_answer(manifest, description),
        timing=TimingAnswer(
            upload_ms=upload_seconds * 1000,
            decode_ms=done.ended.busy_seconds * 1000,
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
