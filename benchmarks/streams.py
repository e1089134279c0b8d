"""Clips at once on a CPU: `python -m benchmarks.streams`.

The network alone, in turn: one clip after the other on all cores, and several at once (OpenVINO's streams), each number
with as many workers as the service would have. The service itself takes a stream for every two cores.
"""

import statistics
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine_builder.manifest import Clip
from service.backends.openvino import OpenVinoBackend, OpenVinoNetwork, streams_of
from service.settings import available_cpus

from .report import finish, parser
from .serve import build
from .timing import in_turn, median_ratio

CLIPS = 4  # a worker and round


def worker_pool(model: Path, streams: int) -> Callable[[], None]:
    """What runs `CLIPS` clips on each of as many workers as there are streams."""
    network = OpenVinoNetwork(model, 0, streams)
    backends = [OpenVinoBackend(network) for _ in range(streams)]
    clip = Clip()
    frames = np.random.default_rng(0).integers(0, 256, (1, clip.frames, clip.height, clip.width, 3), np.uint8)
    pool = ThreadPoolExecutor(streams)

    def work(backend: OpenVinoBackend) -> None:
        for _ in range(CLIPS):
            backend.infer(frames)

    def run() -> None:
        list(pool.map(work, backends))

    return run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--full-size", action="store_true", help="r3d_18 in place of the bundled model")
    args = options.parse_args()
    chosen = streams_of(available_cpus())
    numbers = sorted({1, max(1, chosen // 2), chosen, available_cpus()})
    with tempfile.TemporaryDirectory() as folder:
        _, model = build(Path(folder), args.full_size)
        runs = {str(streams): worker_pool(model / "model.onnx", streams) for streams in numbers}
        seconds = in_turn(runs, args.rounds)
    a_clip = {name: [each / (CLIPS * int(name)) for each in measured] for name, measured in seconds.items()}
    rows = [
        {
            "streams": f"{name} (the service's)" if int(name) == chosen else name,
            "clips_per_second": round(1 / statistics.median(measured), 1),
            "over_one": round(1 / median_ratio(a_clip["1"], measured), 2),
        }
        for name, measured in a_clip.items()
    ]
    finish("clips at once", rows, args, "streams", ["clips_per_second", "over_one"])


if __name__ == "__main__":
    main()
