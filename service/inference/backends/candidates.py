"""Every way to run a model's ONNX network here: with which package, in which precision, on how many clips at once.

A package's module is imported only when it is asked for what it can do.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError, Precision, checked_file

from ...errors import StartupError
from ...machine import available_cpus
from ...settings import Settings
from .double_buffered import DoubleBuffered
from .protocol import Backend, BackendFactory


@dataclass(frozen=True)
class Candidate:
    """One way to run the network; `factories` make its workers' backends, each in the thread that uses it.

    `usual`: it works on as many clips at once as is usual for this many threads. `serving`: the factories that serve,
    if they are others than those that are measured.
    """

    package: str
    precision: Precision
    factories: Sequence[BackendFactory]
    usual: bool = True
    serving: Sequence[BackendFactory] = ()

    @property
    def name(self) -> str:
        """Such as "openvino bf16" or "openvino bf16 x 8", working on 8 clips at once."""
        at_once = f" x {len(self.factories)}" if len(self.factories) > 1 else ""
        return f"{self.package} {self.precision}{at_once}"


def _openvino(directory: Path, manifest: Manifest, settings: Settings) -> list[Candidate]:
    from .openvino import OpenVinoBackend, OpenVinoNetwork, WholeMachineNetwork, streams_of, supported_precisions

    threads = settings.cpu_threads or available_cpus()
    usual = streams_of(threads)
    numbers = sorted({1, usual, threads})
    found = []
    checked: dict[Precision, Path] = {}  # one graph serves several precisions, and hashing it takes a while
    supported = supported_precisions()
    for precision in supported:
        graph: Precision = "int8" if precision == "int8" else "fp32"
        if graph not in manifest.onnx or settings.precision not in ("auto", precision):
            continue
        if precision == "fp16" and "bf16" in supported and settings.precision == "auto":
            continue  # four to six times as slow where both were measured (an Intel Xeon with AMX)
        if graph not in checked:
            checked[graph] = checked_file(directory, manifest.onnx[graph])
        one = OpenVinoNetwork(checked[graph], precision, settings.cpu_threads, 1)
        for streams in numbers:
            network = OpenVinoNetwork(checked[graph], precision, settings.cpu_threads, streams) if streams > 1 else one
            factories = [partial(OpenVinoBackend, network)] * streams
            alone = WholeMachineNetwork(one) if streams > 1 else None
            serving = [partial(OpenVinoBackend, network, alone)] * streams
            found.append(Candidate("openvino", precision, factories, streams == usual, serving))
    return found


def _onnxruntime(directory: Path, manifest: Manifest, settings: Settings) -> list[Candidate]:
    from .onnxruntime import CPU, OnnxRuntimeBackend, pick_provider

    provider = pick_provider(settings.onnxruntime_provider)
    computed: tuple[Precision, ...] = ("fp32", "int8") if provider == CPU else ("fp16", "fp32")
    allowed = [each for each in computed if each in manifest.onnx and settings.precision in ("auto", each)]
    if provider != CPU:
        allowed = allowed[:1]  # half precision is the faster on every GPU that has it
    # By itself it counts the machine's cores, not those that this process may use.
    threads = settings.cpu_threads or available_cpus()

    def make(precision: Precision, model: Path, device: int) -> Backend:
        backend = OnnxRuntimeBackend(model, precision, provider, device, threads)
        return backend if provider == CPU else DoubleBuffered(backend, manifest.clip.shape)

    devices = (0,) if provider == CPU else settings.devices
    found = []
    for precision in allowed:
        model = checked_file(directory, manifest.onnx[precision])
        found.append(Candidate("onnxruntime", precision, [partial(make, precision, model, each) for each in devices]))
    return found


# What runs the ONNX network itself: the package's name -> its ways, in the order of preference where all are equal.
PACKAGES: Mapping[str, Callable[[Path, Manifest, Settings], list[Candidate]]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}


def installed(package: str) -> bool:
    """Whether a package could be imported."""
    return importlib.util.find_spec(package) is not None


def candidates_of(package: str, settings: Settings, directory: Path, manifest: Manifest) -> list[Candidate] | str:
    """One package's ways, or why it cannot be used. Raises StartupError for a model file that is not the manifest's."""
    if not installed(package):
        return f"the package {package} is not installed"
    try:
        return PACKAGES[package](directory, manifest, settings)
    except ManifestError as error:
        raise StartupError(str(error)) from error
    except (RuntimeError, ImportError, OSError) as error:
        return f"{package} cannot be used: {error}"


def candidates_for(settings: Settings, directory: Path, manifest: Manifest) -> list[Candidate]:
    """Every way that the settings allow and this machine has. Raises StartupError when there is none."""
    wanted = tuple(PACKAGES) if settings.backend == "auto" else (settings.backend,)
    found = [candidates_of(package, settings, directory, manifest) for package in wanted]
    if usable := [each for ways in found if not isinstance(ways, str) for each in ways]:
        return usable
    reasons = [reason for reason in found if isinstance(reason, str)]
    if settings.backend != "auto" and reasons:
        raise StartupError(f"R3D_BACKEND={settings.backend}, but {reasons[0]}")
    if len(reasons) == len(wanted):
        hint = "install the extra `cpu` (OpenVINO) or `onnxruntime`"
        raise StartupError(f"nothing to run the network with ({'; '.join(reasons)}): {hint}")
    raise StartupError(
        f"R3D_PRECISION={settings.precision}, but the model has no such network, or nothing here computes in it"
    )
