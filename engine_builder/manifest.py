"""`model.json`, the contract between builder and service: what is in a model directory, and what it is good for.

The only module of this package that the service imports.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from .clips import MAX_SPREAD_CLIPS, MAX_STRIDE, Aggregate, ClipFormat, Sampling, Tail
from .errors import ManifestError, VerificationError
from .files import replacing, sha256_of
from .network_io import EMBEDDING, INPUT, OUTPUT, Embeddings, Frames, Outputs, Probabilities
from .record import Record

__all__ = [
    "EMBEDDING",
    "INPUT",
    "MANIFEST",
    "MAX_SPREAD_CLIPS",
    "MAX_STRIDE",
    "OUTPUT",
    "Aggregate",
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
    "Tail",
    "Verification",
    "VerificationError",
    "checked_content",
    "checked_file",
    "sha256_of",
]

MANIFEST = "model.json"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
# What a network is computed in. A graph is stored as fp32, fp16 or int8; bf16 is fp32's graph, rounded by the runtime.
Precision = Literal["fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True)
class Gpu:
    """A GPU's name and compute capability, such as "9.0"."""

    name: str
    compute_capability: str


class Verification(Record):
    """What running real clips through a network and the fp32 reference showed.

    `max_abs_difference` is of probabilities. `max_embedding_distance`: between the embeddings of a clip, as a share of
    their length; None where one of the two gives none. `nan_count` is of all values.
    """

    clips: int = Field(ge=1)
    max_abs_difference: float
    top1_agreement: float = Field(ge=0, le=1)
    nan_count: int = Field(ge=0)
    max_embedding_distance: float | None = None


class Calibration(Record):
    """The clips that an int8 network's scales come from; `sha256` of their pixels."""

    clips: int = Field(ge=1)
    sha256: Sha256


class OnnxFile(Record):
    """An ONNX network in the model directory. An int8 one says what it was calibrated with and how it verified."""

    file: FileName
    sha256: Sha256
    calibration: Calibration | None = None
    verification: Verification | None = None

    @model_serializer(mode="wrap")
    def _without_nothing(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What is not there is not written: other versions read this too."""
        return {name: value for name, value in serialise(self).items() if value is not None}


class Engine(Record):
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


class Manifest(Record):
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
