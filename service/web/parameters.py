"""The query of `POST /classify`."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from engine_builder.manifest import MAX_SPREAD_CLIPS, MAX_STRIDE, Aggregate, Tail

from ..api.schemas import DEFAULT_TOP_K
from ..classification.query import Query

Format = Literal["json", "ndjson", "csv", "vtt", "srt"]
MAX_SECONDS = 1e6


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Clips = Annotated[Annotated[int, Field(ge=1, le=MAX_SPREAD_CLIPS)] | Literal["all"], BeforeValidator(_number)]


class ClassifyParameters(BaseModel):
    """What may be asked for. Sampling that is not asked for is the model's own."""

    model_config = ConfigDict(extra="forbid")

    top_k: int | None = Field(
        default=None,
        ge=1,
        description=f"labels listed per clip, at most as many as there are classes; {DEFAULT_TOP_K} if there are",
    )
    frame_rate: float | None = Field(
        default=None, gt=0, le=1000, description="resample to this many frames a second before cutting clips"
    )
    clips: Clips | None = Field(default=None, description="that many, evenly spread over the video; or all")
    stride: int | None = Field(
        default=None, ge=1, le=MAX_STRIDE, description="frames from one clip's start to the next that is possible"
    )
    start: float = Field(default=0.0, ge=0, le=MAX_SECONDS, description="seconds of the video to start from")
    end: float | None = Field(default=None, gt=0, le=MAX_SECONDS, description="seconds of the video to end before")
    tail: Tail | None = Field(default=None, description="drop what fills no clip, or pad it with the last frame")
    aggregate: Aggregate | None = Field(default=None, description="what decides the label")
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="a clip whose top probability is less is in no segment"
    )
    embedding: bool = Field(
        default=False, description="each clip's features too, as a list of numbers; in JSON and NDJSON"
    )
    format: Format | None = Field(default=None, description="in place of the Accept header")
    view: Literal["all", "segments"] = Field(default="all", description="segments: the list of clips is left empty")

    webhook: str | None = Field(
        default=None, description="of a job: where to tell that it is over, if the service calls that host"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "ClassifyParameters":
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    @property
    def query(self) -> Query:
        """What of it is for the classification."""
        names = ("frame_rate", "clips", "stride", "tail", "aggregate", "threshold", "start", "end", "embedding")
        return Query(**{name: getattr(self, name) for name in names})
