"""What the service answers, as a client reads it: what a newer service adds is kept, and no error.

So these are not the service's own models, which say what it may write. A test compares the two.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Of an answer."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Top(Part):
    """A label and its probability, of a clip or on average of all clips."""

    label: str
    label_index: int
    probability: float


class _ClipLabels(Part):
    """Frames are the video's own, counted from 0; `end_frame` is one past the last. `top`: best first."""

    index: int
    start_frame: int
    end_frame: int
    start_seconds: float
    end_seconds: float
    label: str
    label_index: int
    probability: float
    top: list[Top]
    embedding: list[float] | None = None


class Clip(_ClipLabels):
    """A clip of a classified video."""

    video_label_probability: float


class Segment(Part):
    """Neighbouring clips with one label. `confidence`: mean over its clips of the label's probability."""

    label: str
    label_index: int
    start_seconds: float
    end_seconds: float
    start_frame: int
    end_frame: int
    clips: int
    confidence: float


class Sampling(Part):
    """Which clips were taken, and what decided the label. `frame_rate` None: the video's own."""

    frame_rate: float | None
    clips: int | Literal["all"]
    clip_frames: int
    stride: int
    tail: str
    aggregate: str
    threshold: float
    start: float
    end: float | None


class Video(Part):
    """The video as decoded. `partial`: damage was skipped."""

    frames: int
    frames_used: int
    partial: bool
    codec: str
    width: int
    height: int
    frame_rate: float
    duration_seconds: float


class Model(Part):
    """What classified it."""

    name: str
    architecture: str
    backend: str
    precision: str
    device: str
    weights_sha256: str


class Timing(Part):
    """Milliseconds. Steps overlap, so they do not add up to the total. `decoder`: `cpu` or `nvdec`."""

    upload_ms: float
    decode_ms: float
    decoder: str = "cpu"
    queue_ms: float
    inference_ms: float
    total_ms: float


class Classification(Part):
    """The verdict, the video in segments, and every clip. An unsure verdict has `warnings`."""

    label: str
    label_index: int
    votes: int
    confidence: float
    warnings: list[str]
    top: list[Top]
    segments: list[Segment]
    clips: list[Clip]
    sampling: Sampling
    video: Video
    model: Model
    timing: Timing


class ClipEvent(_ClipLabels):
    """A clip, while others are still decoded."""

    event: Literal["clip"]
    progress: float | None = None


class ResultEvent(Classification):
    """The last event: all of it."""

    event: Literal["result"]


Event = ClipEvent | ResultEvent


class Problem(Part):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class Labels(Part):
    """The model's labels, by index."""

    labels: list[str]


class Health(Part):
    """A service that accepts requests. `jobs`: whether it keeps any; None where it is too old to say."""

    status: str
    reason: str
    model: Model
    jobs: bool | None = None
