"""The network on OpenVINO, as all servers of other makes run it.

What to serve is told by the environment, which their worker processes inherit: `PEER_NETWORK`, an ONNX file, and
`PEER_PRECISION`.
"""

import os
import sys
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

# Importing OpenVINO would send a message over the network.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

from .video import Clip, clips  # noqa: E402

CPUS = len(os.sched_getaffinity(0))
STREAMS = max(1, CPUS // 2)  # the fastest for many clips; on two CPUs also for one
AT_ONCE = max(4, STREAMS)  # clips in the network; and clips of a video that have no result yet
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}


def compiled() -> openvino.CompiledModel:
    """The network of the environment."""
    core = openvino.Core()
    network = core.read_model(os.environ["PEER_NETWORK"])
    network.reshape([1, *list(network.input(0).partial_shape)[1:]])
    hint = HINTS[os.environ["PEER_PRECISION"]]
    return core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": STREAMS})


class Network:
    """The network and threads that run it, each with an infer request of its own."""

    def __init__(self) -> None:
        model, self._own = compiled(), threading.local()
        self._pool = ThreadPoolExecutor(
            AT_ONCE, initializer=lambda: setattr(self._own, "x", model.create_infer_request())
        )

    def infer(self, clip: Clip) -> list[float]:
        """Probabilities; call it in the network's threads."""
        self._own.x.infer([clip], share_inputs=True)
        probabilities: list[float] = self._own.x.get_output_tensor(0).data[0].tolist()
        return probabilities

    def classify(self, video: Path) -> dict[str, object]:
        """Probabilities of every clip; the next are decoded meanwhile. Raises NotAVideoError."""
        waiting: deque[Future[list[float]]] = deque()
        found = []
        for clip in clips(video):
            waiting.append(self._pool.submit(self.infer, clip))
            if len(waiting) == AT_ONCE:
                found.append(waiting.popleft().result())
        found += [each.result() for each in waiting]
        return {"clips": found}
