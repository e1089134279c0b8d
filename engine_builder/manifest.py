"""`model.json`, the contract between builder and service: what is in a model directory, and what it is good for.

The only module of this package that the service imports.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from .errors import ManifestError, VerificationError
from .files import replacing, sha256_of
from .network_io import EMBEDDING, INPUT, OUTPUT, Embeddings, Frames, Outputs, Probabilities

__all__ = [
    "EMBEDDING",
    "INPUT",
    "MANIFEST",
    "OUTPUT",
    "Calibration",
    "ClipFormat",
    "Embeddings",
    "Engine",
    "Frames",
    "Gpu",
    "Manifest",
    "ManifestError",
    "OnnxFile",
    "Outputs",
    "Precision",
    "Probabilities",
    "Sampling",
    "Verification",
    "VerificationError",
    "checked_content",
    "checked_file",
    "sha256_of",
]

MANIFEST = "model.json"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Rgb = tuple[float, float, float]
# What a network is computed in. A graph is stored as fp32, fp16 or int8; bf16 is fp32's graph, rounded by the runtime.
Precision = Literal["fp32", "bf16", "fp16", "int8"]


Tail = Literal["drop", "pad"]
Aggregate = Literal["vote", "mean"]
MAX_SPREAD_CLIPS = 100
MAX_STRIDE = 100_000


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClipFormat(_Record):
    """How a clip is cut and made ready for the network. Defaults: torchvision's transform for these weights."""

    frames: int = Field(default=32, ge=1, le=1024)
    height: int = Field(default=112, ge=16, le=1024)
    width: int = Field(default=112, ge=16, le=1024)
    resize_height: int = Field(default=128, ge=16, le=2048)
    resize_width: int = Field(default=171, ge=16, le=2048)
    mean: Rgb = (0.43216, 0.394666, 0.37645)
    std: Rgb = (0.22803, 0.22145, 0.216989)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of a clip's frames: [T, H, W, 3]."""
        return (self.frames, self.height, self.width, 3)

    @property
    def top(self) -> int:
        """Rows of the resized frame above the crop; rounds as torchvision's `center_crop` does."""
        return round((self.resize_height - self.height) / 2)

    @property
    def left(self) -> int:
        """Columns of the resized frame left of the crop."""
        return round((self.resize_width - self.width) / 2)

    @model_validator(mode="after")
    def _crop_fits(self) -> "ClipFormat":
        if self.height > self.resize_height or self.width > self.resize_width:
            raise ValueError("the crop is larger than the resized frame")
        if not all(value > 0 for value in self.std):
            raise ValueError("std must be positive")
        return self


class Sampling(_Record):
    """Which clips of a video are classified, and what its label is by them.

    `frame_rate`: frames a second before clips are cut; None: the video's own. `clips`: that many, spread evenly as
    torchvision's `UniformClipSampler` does; None: one every `stride` frames. `stride`: frames, None: a clip's length,
    or 1 where `clips` is a number. `tail`: what becomes of frames that fill no clip. `aggregate`: what decides the
    label. `threshold`: a clip whose top probability is less is unsure, and in no segment.
    """

    frame_rate: float | None = Field(default=None, gt=0, le=1000)
    clips: int | None = Field(default=None, ge=1, le=MAX_SPREAD_CLIPS)
    stride: int | None = Field(default=None, ge=1, le=MAX_STRIDE)
    tail: Tail = "drop"
    aggregate: Aggregate = "vote"
    threshold: float = Field(default=0.0, ge=0, le=1)

    def having(self, **asked: object) -> "Sampling":
        """The same with what is asked, unless it is None, in its place. Raises ValidationError."""
        changes = {name: value for name, value in asked.items() if value is not None}
        return Sampling.model_validate(self.model_dump() | changes)

    def stride_of(self, clip_frames: int) -> int:
        """Frames from one clip's start to the next that is possible."""
        return self.stride or (clip_frames if self.clips is None else 1)


@dataclass(frozen=True)
class Gpu:
    """A GPU's name and compute capability, such as "9.0"."""

    name: str
    compute_capability: str


class Verification(_Record):
    """What running real clips through a network and the fp32 reference showed.

    `max_abs_difference` is of probabilities. `max_embedding_distance`: between the embeddings of a clip, as a share of
    their length; None where one of the two gives none. `nan_count` is of all values.
    """

    clips: int = Field(ge=1)
    max_abs_difference: float
    top1_agreement: float = Field(ge=0, le=1)
    nan_count: int = Field(ge=0)
    max_embedding_distance: float | None = None


class Calibration(_Record):
    """The clips that an int8 network's scales come from; `sha256` of their pixels."""

    clips: int = Field(ge=1)
    sha256: Sha256


class OnnxFile(_Record):
    """An ONNX network in the model directory. An int8 one says what it was calibrated with and how it verified."""

    file: FileName
    sha256: Sha256
    calibration: Calibration | None = None
    verification: Verification | None = None

    @model_serializer(mode="wrap")
    def _without_nothing(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What is not there is not written: other versions read this too."""
        return {name: value for name, value in serialise(self).items() if value is not None}


class Engine(_Record):
    """A serialised TensorRT engine, and what it runs on; `onnx_sha256`: the network that it was built from.

    `gpu_name` and `compute_capability` are the GPU's that it was built on, which alone it fits, unless it is portable.
    TensorRT-RTX's have none, as they fit every GPU since Ampere that it supports.
    """

    file: FileName
    sha256: Sha256
    precision: Precision
    max_batch: int = Field(ge=1)
    runtime: Literal["tensorrt", "tensorrt_rtx"]
    runtime_version: str
    gpu_name: str | None
    compute_capability: str | None
    portable: bool
    verification: Verification | None
    onnx_sha256: Sha256 | None = None


class Manifest(_Record):
    """The whole of `model.json`.

    `embedding`: values of the output of that name, which all its networks have; None: they have none.
    """

    format_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=200)
    architecture: str
    labels: tuple[str, ...] = Field(min_length=1)
    clip: ClipFormat
    embedding: int | None = Field(default=None, ge=1)
    sampling: Sampling = Sampling()
    weights_sha256: Sha256
    onnx: dict[Precision, OnnxFile]
    engines: tuple[Engine, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _frame_rate_of_old(cls, content: Any) -> Any:
        """Until version 0.1 the frame rate was part of the clip."""
        clip = content.get("clip") if isinstance(content, dict) else None
        if not isinstance(clip, dict) or "frame_rate" not in clip:
            return content
        others = {name: value for name, value in clip.items() if name != "frame_rate"}
        sampling = {"frame_rate": clip["frame_rate"]} | content.get("sampling", {})
        return content | {"clip": others, "sampling": sampling}

    @model_validator(mode="after")
    def _complete(self) -> "Manifest":
        if "fp32" not in self.onnx:
            raise ValueError("the fp32 network is missing")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        return self

    @property
    def outputs(self) -> dict[str, int]:
        """The networks' outputs, and how many values each has for a clip."""
        return {OUTPUT: len(self.labels)} | ({EMBEDDING: self.embedding} if self.embedding else {})

    def save(self, directory: Path) -> None:
        """Write `model.json` into `directory` in one step."""
        with replacing(directory / MANIFEST) as stream:
            stream.write(self.model_dump_json(indent=1).encode() + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Read `directory`'s `model.json`. Raises ManifestError with the reason."""
        path = directory / MANIFEST
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ManifestError(f"{path}: {error.strerror or error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "document"
            raise ManifestError(f"{path}: {place}: {first['msg']}") from error


def checked_content(directory: Path, entry: OnnxFile | Engine) -> bytes:
    """The bytes of a file the manifest names, the very ones that were checked. Raises as `checked_file` does."""
    path = directory / entry.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or error}") from error
    _check(path, hashlib.sha256(content).hexdigest(), entry)
    return content


def checked_file(directory: Path, entry: OnnxFile | Engine) -> Path:
    """The path of a file the manifest names. Raises ManifestError when it is missing or its SHA-256 is another."""
    path = directory / entry.file
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or error}") from error
    _check(path, found, entry)
    return path


def _check(path: Path, found: str, entry: OnnxFile | Engine) -> None:
    if found != entry.sha256:
        raise ManifestError(f"{path}: its SHA-256 is {found}, the manifest says {entry.sha256}; build the model again")
