"""What the service answers, as JSON."""

from typing import Literal

from pydantic import BaseModel, Field

# The multipart form's field that holds the video.
FILE_FIELD = "file"
# Labels listed per clip, where the model has that many.
DEFAULT_TOP_K = 5


class Top(BaseModel):
    """A label and its probability for one clip."""

    label: str
    label_index: int
    probability: float


class ClipLabels(BaseModel):
    """One clip. Frames are the video's own, counted from 0; `end_frame` is one past the last."""

    index: int
    start_frame: int
    end_frame: int
    start_seconds: float
    end_seconds: float
    label: str
    label_index: int
    probability: float
    top: list[Top] = Field(description="the `top_k` most probable labels, best first")


class ClipAnswer(ClipLabels):
    """One clip of a classified video."""

    video_label_probability: float = Field(description="this clip's probability of the video's label")


class VideoAnswer(BaseModel):
    """The video as decoded."""

    frames: int = Field(description="frames really decoded")
    frames_used: int = Field(description="frames in whole clips")
    partial: bool = Field(description="whether damage was skipped")
    codec: str
    width: int
    height: int
    frame_rate: float
    duration_seconds: float


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

    upload_ms: float
    decode_ms: float = Field(description="the decoder's busy time")
    queue_ms: float = Field(description="time clips waited for the network, summed")
    inference_ms: float = Field(description="the clips' shares of their batches' time, summed")
    total_ms: float


class ClassifyAnswer(BaseModel):
    """The verdict and every clip."""

    label: str
    label_index: int
    votes: int = Field(description="clips whose top-1 is the label")
    confidence: float = Field(description="mean over all clips of the label's probability")
    clips: list[ClipAnswer]
    video: VideoAnswer
    model: ModelAnswer
    timing: TimingAnswer


class _Event(BaseModel):
    event: str


class ClipEvent(ClipLabels, _Event):
    """A line of a live answer: a clip, while others are still decoded."""

    event: Literal["clip"] = "clip"


class ResultEvent(ClassifyAnswer, _Event):
    """The last line of a live answer: all of it."""

    event: Literal["result"] = "result"


class HealthAnswer(BaseModel):
    """Whether requests are accepted, and what answers them."""

    status: Literal["ready", "starting", "draining", "failed"]
    reason: str
    model: ModelAnswer | None = None
    backend_reason: str | None = Field(default=None, description="why this backend, and why not a better one")
    sandbox: dict[str, bool] | None = Field(
        default=None, description="whether a mechanism confines the processes that decode, by its name"
    )


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
