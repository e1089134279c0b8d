"""Settings from the environment (prefix `R3D_`); a value out of range stops the start."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def available_cpus() -> int:
    """The CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


BackendName = Literal["auto", "tensorrt", "openvino", "onnxruntime"]


def _split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Devices = Annotated[tuple[Annotated[int, Field(ge=0)], ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Everything that can be set. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix="R3D_", frozen=True, extra="forbid")

    model: Annotated[Path | None, Field(description="model directory; unset: the bundled camera-motion model")] = None
    backend: Annotated[BackendName, Field(description="what runs the network")] = "auto"
    devices: Annotated[Devices, Field(min_length=1, description="GPUs by number, comma-separated; one worker each")] = (
        0,
    )
    onnxruntime_provider: Annotated[str, Field(description="execution provider; auto: CUDA if there, else CPU")] = (
        "auto"
    )
    cpu_threads: Annotated[int, Field(ge=0, le=1024, description="CPU inference threads; 0: the runtime's choice")] = 0
    max_upload_bytes: Annotated[int, Field(ge=1, description="largest request body")] = 256 << 20
    max_frames: Annotated[int, Field(ge=1, description="longest video, in frames: 2 hours at 30/s")] = 216_000
    max_frame_pixels: Annotated[int, Field(ge=1, description="largest frame, in pixels: 4096 x 2176")] = 4096 * 2176
    decode_memory_bytes: Annotated[
        int, Field(ge=64 << 20, description="memory a decoder may take, over an idle one")
    ] = 768 << 20
    decode_workers: Annotated[int, Field(ge=1, le=1024, description="videos decoded at once; default: the CPUs")] = (
        Field(default_factory=available_cpus)
    )
    queue_clips: Annotated[int, Field(ge=4, description="clips of all requests that may wait for the network")] = 256
    max_batch: Annotated[int, Field(ge=1, le=1024, description="upper bound of a batch, in clips")] = 32
    batch_wait_ms: Annotated[
        float, Field(ge=0, le=10_000, description="longest wait of a clip for others while the device is busy")
    ] = 5.0
    request_timeout_seconds: Annotated[float, Field(gt=0, description="deadline of a request")] = 600.0
    drain_seconds: Annotated[float, Field(ge=0, description="time running requests get after SIGTERM")] = 30.0
    api_key: Annotated[
        SecretStr | None, Field(min_length=8, description="bearer token asked for on everything but health")
    ] = None
    tracing: Annotated[bool, Field(description="send OpenTelemetry traces (`OTEL_...` say where to)")] = False
    upload_timeout_seconds: Annotated[float, Field(gt=0, description="longest pause within an upload")] = 60.0
