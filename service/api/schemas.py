"""What the service answers, as JSON."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from engine_builder.manifest import Aggregate, Tail

from .embedding import Embedding

# The multipart form's field that holds the video.
FILE_FIELD = "file"
# Labels listed per clip, where the model has that many.
DEFAULT_TOP_K = 5


# What is behind the sixth digit is noise of the network's arithmetic.
Number = Annotated[float, AfterValidator(lambda value: round(value, 6))]

Warned = Literal["low confidence", "partial", "frames repeated"]


class Top(BaseModel):
    """A label and its probability, of a clip or on average of all clips."""

    label: str
    label_index: int
    probability: Number


class ClipLabels(BaseModel):
    """One clip. Frames are the video's own, counted from 0; `end_frame` is one past the last."""

    index: int
    start_frame: int
    end_frame: int
    start_seconds: Number
    end_seconds: Number
    label: str
    label_index: int
    probability: Number
    top: list[Top] = Field(description="the `top_k` most probable labels, best first")
    embedding: Embedding | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="with `embedding=true`: the network's features, float32, after its global average pooling",
    )


class ClipAnswer(ClipLabels):
    """One clip of a classified video."""

    video_label_probability: Number = Field(description="this clip's probability of the video's label")


class VideoAnswer(BaseModel):
    """The video as decoded."""

    frames: int = Field(description="frames really decoded")
    frames_used: int = Field(description="frames in whole clips")
    partial: bool = Field(description="whether damage was skipped")
    codec: str
    width: int
    height: int
    frame_rate: Number
    duration_seconds: Number


class ModelAnswer(BaseModel):
    """What classified it."""

    name: str
    architecture: str
    backend: str
    precision: str
    device: str
    weights_sha256: str


class TimingAnswer(BaseModel):
    """Milliseconds. Steps overlap: decoding, waiting and inference of different clips go on at once, so they do not
    add up to the total."""

    upload_ms: Number
    decode_ms: Number = Field(description="the decoder's busy time")
    decoder: Literal["cpu", "nvdec"] = Field(default="cpu", description="what decoded the video")
    queue_ms: Number = Field(description="time clips waited for the network, summed")
    inference_ms: Number = Field(description="the clips' shares of their batches' time, summed")
    total_ms: Number


class SegmentAnswer(BaseModel):
    """A run of neighbouring clips with one label. Segments are in order and never overlap."""

    label: str
    label_index: int
    start_seconds: Number
    end_seconds: Number
    start_frame: int
    end_frame: int = Field(description="one past the last")
    clips: int
    confidence: Number = Field(description="mean over its clips of the label's probability")


class SamplingAnswer(BaseModel):
    """Which clips were taken, and what decided the label."""

    frame_rate: Number | None = Field(description="frames a second; null: the video's own")
    clips: int | Literal["all"] = Field(description="how many were spread over the video")
    clip_frames: int
    stride: int = Field(description="frames from one clip's start to the next that is possible")
    tail: Tail
    aggregate: Aggregate
    threshold: Number = Field(description="clips whose top probability is less are in no segment")
    start: Number
    end: Number | None


class ClassifyAnswer(BaseModel):
    """The verdict, the video in segments, and every clip."""

    label: str
    label_index: int
    votes: int = Field(description="clips whose top-1 is the label")
    confidence: Number = Field(description="mean over all clips of the label's probability")
    warnings: list[Warned] = Field(
        description="low confidence: no label has half of the votes, a mean probability of 0.5, and a segment"
    )
    top: list[Top] = Field(description="the `top_k` labels of the highest mean probability, best first")
    segments: list[SegmentAnswer]
    clips: list[ClipAnswer]
    sampling: SamplingAnswer
    video: VideoAnswer
    model: ModelAnswer
    timing: TimingAnswer


class _Event(BaseModel):
    event: str


class ClipEvent(ClipLabels, _Event):
    """A line of a live answer: a clip, while others are still decoded."""

    event: Literal["clip"] = "clip"
    progress: Number | None = Field(
        default=None, description="about how much of the video is decoded, 0 to 1; null if its container does not say"
    )


class ResultEvent(ClassifyAnswer, _Event):
    """The last line of a live answer: all of it."""

    event: Literal["result"] = "result"


class HealthAnswer(BaseModel):
    """Whether requests are accepted, and what answers them."""

    status: Literal["ready", "degraded", "starting", "draining", "failed"]
    reason: str
    model: ModelAnswer | None = None
    backend_reason: str | None = Field(default=None, description="why this backend, and why not a better one")
    sandbox: dict[str, bool] | None = Field(
        default=None, description="whether a mechanism confines the processes that decode, by its name"
    )
    nvdec: bool | None = Field(default=None, description="whether the GPUs' video decoders decode, beside the cores")
    nvdec_reason: str | None = Field(default=None, description="which decoders there are, or why none is used")
    jobs: bool | None = Field(default=None, description="whether jobs are kept: `Prefer: respond-async` is heard")


class AliveAnswer(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class LabelsAnswer(BaseModel):
    """The model's labels, by index."""

    labels: list[str]


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str = Field(description="as in the `X-Request-ID` header, and in the server's log")


class ErrorEvent(Problem, _Event):
    """The last line of a live answer that failed after its first clip."""

    event: Literal["error"] = "error"
