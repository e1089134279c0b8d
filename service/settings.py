"""Settings from the environment (prefix `R3D_`); a value out of range stops the start."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .machine import available_cpus


def usual_decode_workers() -> int:
    """One for each CPU and a few more: a video whose clip is on its way to the network leaves its CPU idle.

    Two cores of an AMD EPYC, four clients: 1.08 times the clips/s with 3, no more with 4.
    """
    cpus = available_cpus()
    return cpus + -(-cpus // 8)


PREFIX = "R3D_"
BackendName = Literal["auto", "tensorrt", "openvino", "onnxruntime"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16", "int8"]
DecoderChoice = Literal["auto", "cpu", "nvdec"]
SandboxPolicy = Literal["best-effort", "required"]


def _split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


ORIGIN = r"^(\*|https?://[A-Za-z0-9.:\[\]-]+)$"
BUCKET = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_][A-Za-z0-9._-]*)*/?$"
Origins = Annotated[tuple[Annotated[str, Field(pattern=ORIGIN)], ...], NoDecode, BeforeValidator(_split)]
Devices = Annotated[tuple[Annotated[int, Field(ge=0)], ...], NoDecode, BeforeValidator(_split)]
Hosts = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.\[\]-][A-Za-z0-9.:\[\]-]*$")], ...],
    NoDecode,
    BeforeValidator(_split),
]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split)]


def _known_database(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"off|postgresql://.+", value.get_secret_value()):
        raise ValueError("neither `off` nor an address that begins with postgresql://")
    return value


def _usable_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"whsec_[A-Za-z0-9+/]{32,}=*", value.get_secret_value()):
        raise ValueError("not `whsec_` and base64 of 24 bytes or more behind it")
    return value


WebhookSecret = Annotated[SecretStr, AfterValidator(_usable_secret)]
JobsDatabase = Annotated[SecretStr, AfterValidator(_known_database)]


class Settings(BaseSettings):
    """Everything that can be set. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    model: Annotated[
        Path | None,
        Field(
            description="model directory, or r3d_18, mc3_18, r2plus1d_18: published weights; unset: the bundled model"
        ),
    ] = None
    weights_url: Annotated[
        str | None, Field(description="folder or file that published weights come from; unset: where PyTorch has them")
    ] = None
    backend: Annotated[
        BackendName, Field(description="what runs the network; auto: an engine that fits, else the fastest")
    ] = "auto"
    precision: Annotated[
        PrecisionChoice,
        Field(description="what the network is computed in; auto: the fastest here, found by measuring"),
    ] = "auto"
    decoder: Annotated[
        DecoderChoice,
        Field(description="what decodes; nvdec: the GPUs' video decoders; auto: they and the cores, if there are any"),
    ] = "auto"
    devices: Annotated[
        Devices, Field(min_length=1, description="GPUs by number, comma-separated; one worker each, one queue")
    ] = (0,)
    onnxruntime_provider: Annotated[str, Field(description="execution provider; auto: CUDA if there, else CPU")] = (
        "auto"
    )
    cpu_threads: Annotated[int, Field(ge=0, le=1024, description="CPU inference threads; 0: the runtime's choice")] = 0
    max_upload_bytes: Annotated[int, Field(ge=1, description="largest request body")] = 256 << 20
    max_frames: Annotated[int, Field(ge=1, description="longest video, in frames: 2 hours at 30/s")] = 216_000
    max_frame_pixels: Annotated[int, Field(ge=1, description="largest frame, in pixels: 4096 x 2176")] = 4096 * 2176
    decode_memory_bytes: Annotated[
        int, Field(ge=64 << 20, description="memory a decoder may take, over an idle one; videos are open as they fit")
    ] = 768 << 20
    decode_workers: Annotated[
        int,
        Field(
            ge=1,
            le=1024,
            description="videos decoded at once; four times as many may be open; fewer where memory is short",
        ),
    ] = Field(default_factory=usual_decode_workers)
    sandbox: Annotated[
        SandboxPolicy, Field(description="required: do not start unless decoders can be confined by every mechanism")
    ] = "best-effort"
    queue_clips: Annotated[
        int, Field(ge=4, description="clips that may wait for the network, 4 a request: more requests get 429")
    ] = 256
    max_batch: Annotated[int, Field(ge=1, le=1024, description="upper bound of a batch, in clips")] = 32
    batch_wait_ms: Annotated[
        float,
        Field(ge=0, le=10_000, description="longest wait of a clip for others; a device that is free never waits"),
    ] = 5.0
    request_timeout_seconds: Annotated[float, Field(gt=0, description="deadline of a request, after its upload")] = (
        600.0
    )
    drain_seconds: Annotated[float, Field(ge=0, description="time running requests get after SIGTERM")] = 30.0
    api_key: Annotated[
        SecretStr | None,
        Field(
            min_length=8,
            description="bearer token asked for on everything but health; may be in a file `/run/secrets/r3d_api_key`",
        ),
    ] = None
    api_keys_file: Annotated[
        Path | None,
        Field(description="file of more keys, a name and the key's SHA-256 a line; read again when it changes"),
    ] = None
    cors_origins: Annotated[
        Origins, Field(description="origins whose pages may ask, comma-separated, such as https://example.org; or *")
    ] = ()
    tracing: Annotated[
        bool, Field(description="send OpenTelemetry traces (extra `tracing`; `OTEL_...` say where to)")
    ] = False
    upload_timeout_seconds: Annotated[float, Field(gt=0, description="longest pause within an upload")] = 60.0
    upload_min_bytes_per_second: Annotated[
        int, Field(ge=0, description="least rate of an upload over any 30 seconds; 0: none")
    ] = 1024
    upload_total_seconds: Annotated[float, Field(gt=0, description="longest upload")] = 1800.0
    max_connections: Annotated[
        int, Field(ge=1, description="connections that may be open, fewer where the system allows too few open files")
    ] = 1000
    jobs: Annotated[
        JobsDatabase | None,
        Field(
            description="off, or postgresql://USER:PASSWORD@HOST/NAME for several servers (extra `postgresql`); "
            "unset: SQLite in `R3D_JOBS_DIR`",
        ),
    ] = None
    jobs_dir: Annotated[
        Path | None,
        Field(
            description="folder of jobs: their videos, in any case those on their way, and SQLite's file; "
            "unset: `r3d/jobs` in the user's state"
        ),
    ] = None
    jobs_videos: Annotated[
        str | None,
        Field(
            pattern=BUCKET,
            description="s3://BUCKET/PREFIX, where the videos of jobs are (extra `s3`; `AWS_...` give its keys, "
            "`AWS_ENDPOINT_URL_S3` its server); unset: `R3D_JOBS_DIR`",
        ),
    ] = None
    jobs_ttl_seconds: Annotated[float, Field(ge=1, description="how long a finished job is kept")] = 86_400.0
    jobs_waiting: Annotated[int, Field(ge=1, description="jobs that may wait: more get 429")] = 10_000
    jobs_bytes: Annotated[int, Field(ge=1, description="size of all videos of jobs: more get 507")] = 20 << 30
    jobs_max_upload_bytes: Annotated[int, Field(ge=1, description="largest request body of a job")] = 4 << 30
    jobs_timeout_seconds: Annotated[
        float, Field(gt=0, description="processor time that decoding the video of a job may take")
    ] = 14_400.0
    webhook_hosts: Annotated[
        Hosts,
        Field(description="hosts that webhooks may go to, comma-separated; `host:port` for another than 443"),
    ] = ()
    webhook_secret: Annotated[
        WebhookSecret | None,
        Field(description="what signs webhooks: `whsec_`, and base64 of 24 bytes or more"),
    ] = None
    webhook_networks: Annotated[
        Networks,
        Field(description="networks that webhooks may go to though they are not public, and by http://, as 10.0.0.0/8"),
    ] = ()
