"""OpenVINO on the CPU: the default where there is no NVIDIA GPU."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_builder.manifest import Frames, Outputs, Precision

from ...machine import quota_cpus
from .protocol import Description
from .whole_machine import WholeMachine

# Importing OpenVINO sends a message about it over the network, if this package is there (its documented telemetry). A
# service that promises to call nobody must not: without the package OpenVINO does without.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

logger = logging.getLogger(__name__)

INPUT_CLIPS = 1
# Two cores work well together on a clip, more do not, so that is tried first: on 16 cores, 8 streams of 2 gave the
# whole service 1.4 to 1.7 times the clips/s of all 16 on one clip after the other (benchmarks/NOTES.md).
STREAM_THREADS = 2
# Precision -> what OpenVINO calls the type that it computes in. An int8 network says itself where its integers are.
HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
# Precision -> what OpenVINO says of a processor that computes in it.
CAPABILITIES: dict[Precision, str] = {"fp32": "FP32", "bf16": "BF16", "fp16": "FP16", "int8": "INT8"}


def streams_of(threads: int) -> int:
    """Clips to work on at once with that many threads, if nothing was measured."""
    return max(1, threads // STREAM_THREADS)


def supported_precisions() -> list[Precision]:
    """The precisions that this processor computes in, by OpenVINO's word."""
    found = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [precision for precision, capability in CAPABILITIES.items() if capability in found]


class OpenVinoNetwork:
    """A network, compiled when first asked for, and shared by the threads that run it."""

    def __init__(self, model: Path, precision: Precision, threads: int, streams: int) -> None:
        """`model` is ONNX. `threads` 0: OpenVINO's choice, within the quota that there is."""
        self._model, self._precision, self._threads, self._streams = model, precision, threads, streams
        self._compiling = threading.Lock()
        self._compiled: openvino.CompiledModel | None = None
        self.description = Description("openvino", precision, "CPU")

    def request(self) -> openvino.InferRequest:
        """One to run in the calling thread. Raises RuntimeError when OpenVINO cannot load the model."""
        with self._compiling:
            if self._compiled is None:
                self._compiled = self._compile()
            return self._compiled.create_infer_request()

    def _compile(self) -> openvino.CompiledModel:
        core = openvino.Core()
        config: dict[str, object] = {"INFERENCE_PRECISION_HINT": HINTS[self._precision]}
        config |= {"NUM_STREAMS": self._streams} if self._streams > 1 else {"PERFORMANCE_HINT": "LATENCY"}
        quota = quota_cpus()
        if threads := self._threads or quota:
            config["INFERENCE_NUM_THREADS"] = threads
        if quota is not None:
            # By itself it binds its threads to the first cores: every container on this machine to the same ones.
            config["ENABLE_CPU_PINNING"] = False
        network = core.read_model(self._model)
        # A fixed shape is a tenth faster than a dynamic one.
        network.reshape([INPUT_CLIPS, *list(network.input(0).partial_shape)[1:]])
        device = str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
        self.description = Description("openvino", self._precision, device)
        return core.compile_model(network, "CPU", config)


class OpenVinoBackend:
    """One clip at a time: a batch gains nothing on a CPU. Several of these share a network's streams."""

    max_batch = INPUT_CLIPS
    warm_up = ()  # its first run takes as long as the others: 0.88 and 0.85 s (r3d_18, fp32, two cores of an AMD EPYC)

    def __init__(self, network: OpenVinoNetwork, whole: "WholeMachineNetwork | None" = None) -> None:
        """`whole` takes clips that are alone, for all backends of the network; it is loaded behind it.

        Raises RuntimeError when OpenVINO cannot load the network.
        """
        self._request = network.request()
        self._whole = whole
        if whole is not None:
            whole.start_loading()
        self.description = network.description

    def infer(self, frames: Frames) -> Outputs:
        """See `Backend.infer`."""
        if self._whole is None:
            return _run(self._request, frames)
        with self._whole.clip() as request:
            return _run(request or self._request, frames)

    def close(self) -> None:
        """See `Backend.close`."""
        if self._whole is not None:
            self._whole.close()


class WholeMachineNetwork:
    """A network on one stream of all threads, for a clip that is alone.

    It is loaded in a thread of its own: the service is ready without it, and so a second sooner with r3d_18.
    """

    def __init__(self, network: OpenVinoNetwork) -> None:
        self._network = network
        self._turns = WholeMachine()
        self._starting = threading.Lock()
        self._loader: threading.Thread | None = None
        self._request: openvino.InferRequest | None = None

    def start_loading(self) -> None:
        """The first call starts it."""
        with self._starting:
            if self._loader is None:
                self._loader = threading.Thread(target=self._load, name="load-whole", daemon=True)
                self._loader.start()

    def close(self) -> None:
        """Wait until loading is over."""
        if self._loader is not None:
            self._loader.join()

    def _load(self) -> None:
        try:
            self._request = self._network.request()
        except RuntimeError as error:  # for want of memory, say
            logger.warning("clips that are alone will not have the whole machine: %s", error)

    @contextmanager
    def clip(self) -> Iterator[openvino.InferRequest | None]:
        """While a clip is computed: the request for it, if it is alone and that network is loaded."""
        with self._turns.clip() as alone:
            yield self._request if alone else None


def _run(request: openvino.InferRequest, frames: Frames) -> Outputs:
    found = request.infer([frames], share_inputs=True)
    return Outputs.named({name: values for output, values in found.items() for name in output.names})
