"""The servers that `benchmarks.peers` compares, and how each is started."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from engine_builder.manifest import Manifest, Precision

from .load import running, service
from .source import code_lines

SERVERS = Path(__file__).parents[1] / "servers"
# BentoML asks for an older OpenTelemetry than `constraints.txt` has.
BENTOML = Path(__file__).parents[2] / ".venv-bentoml"
Backend = Literal["openvino", "onnxruntime"]
Server = AbstractContextManager[tuple[psutil.Process, str]]


@dataclass(frozen=True)
class Served:
    """What all of them serve, and with which runtime."""

    weights: Path
    model: Path
    backend: Backend
    precision: Precision

    @property
    def network(self) -> Path:
        """The ONNX file."""
        graph: Precision = "fp32" if self.precision == "bf16" else self.precision
        stored = Manifest.load(self.model).onnx
        # OpenVINO computes the graph of fp32 in half precision too.
        return self.model / stored[graph if graph in stored else "fp32"].file


@dataclass(frozen=True)
class Peer:
    """A server: its code, what it needs to run, and what it can run the network with.

    `package` must be importable here; `environment` is a virtual environment of its own, made by `make`.
    """

    title: str
    start: Callable[[Served], Server]
    files: Sequence[str] = ()
    package: str | None = None
    environment: Path | None = None
    backends: Sequence[Backend] = ("openvino",)

    def missing(self) -> str | None:
        """Why it cannot run here, if so."""
        if self.environment and not self.environment.exists():
            return f"not installed (make {self.environment.name})"
        if self.package and importlib.util.find_spec(self.package) is None:
            return f"not installed ({self.package})"
        return None

    @property
    def lines(self) -> int | str:
        """Lines of code, those that peers share included."""
        return sum(code_lines(SERVERS / file) for file in self.files) or "package"


def _ours(served: Served) -> Server:
    limits = {"R3D_MAX_UPLOAD_BYTES": str(4 << 30), "R3D_DRAIN_SECONDS": "0"}
    return service(served.model, R3D_BACKEND=served.backend, R3D_PRECISION=served.precision, **limits)


def _module(name: str, ready: str) -> Callable[[Served], Server]:
    command = [sys.executable, "-m", f"benchmarks.servers.{name}"]
    return lambda served: running(command, ready, **_environment(served))


def _environment(served: Served) -> dict[str, str]:
    return {
        "PEER_NETWORK": str(served.network),
        "PEER_PRECISION": served.precision,
        "RAY_USAGE_STATS_ENABLED": "0",
        "BENTOML_DO_NOT_TRACK": "true",
    }


def _bentoml(served: Served) -> Server:
    program = "benchmarks.servers.bentoml_openvino:Classifier"
    command = [str(BENTOML / "bin" / "python"), "-m", "bentoml", "serve", program, "--host", "127.0.0.1", "--port"]
    return running(command, "/readyz", **_environment(served))


def _pytorch(served: Served) -> Server:
    command = [sys.executable, "-m", "benchmarks.servers.fastapi_pytorch", str(served.weights)]
    return running(command, "/docs")


SHARED = ("network.py", "video.py")
OURS = "ours"
PEERS = {
    OURS: Peer("this project", _ours, backends=("openvino", "onnxruntime")),
    "plain": Peer("FastAPI + OpenVINO", _module("fastapi_openvino", "/docs"), ("fastapi_openvino.py", *SHARED)),
    "onnxruntime": Peer(
        "FastAPI + ONNX Runtime",
        _module("fastapi_onnxruntime", "/docs"),
        ("fastapi_onnxruntime.py", "video.py"),
        "onnxruntime",
        backends=("onnxruntime",),
    ),
    "pytorch": Peer("FastAPI + PyTorch fp32", _pytorch, ("fastapi_pytorch.py",), "torch"),
    "litserve": Peer(
        "LitServe", _module("litserve_openvino", "/health"), ("litserve_openvino.py", *SHARED), "litserve"
    ),
    "bentoml": Peer("BentoML", _bentoml, ("bentoml_openvino.py", *SHARED), environment=BENTOML),
    "ray": Peer("Ray Serve", _module("ray_serve_openvino", "/docs"), ("ray_serve_openvino.py", *SHARED), "ray"),
}
