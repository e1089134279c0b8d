"""The whole service under load beside the obvious way: `python -m benchmarks.serve VIDEO...`.

Clients post real videos for a while to this project's server and to `benchmarks.servers.fastapi_pytorch`, in turn: videos/s,
clips/s, latency, peak memory; and what share of the possible that is: the clips/s if decoding and the network, each as
fast as when measured alone with all cores, shared them and nothing else took any.
"""

import asyncio
import statistics
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.wts import write_wts
from tests.support.recipe import draw, shapes_of

from .harness.ceiling import cost_of
from .harness.load import Load, SteadyRate, press, running, service, watched
from .harness.report import finish, parser

ROUNDS = 3


def build(folder: Path, full_size: bool) -> tuple[Path, Path]:
    """Weights and model directory: the bundled model's, or r3d_18's with the recipe's weights."""
    weights = WEIGHTS
    options = BuildOptions("benchmark", labels=read_labels(LABELS))
    if full_size:
        weights, options = folder / "weights.wts", BuildOptions("benchmark")
        write_wts(weights, draw(shapes_of("r3d_18")))
    build_model(weights, folder / "model", options)
    return weights, folder / "model"


def reference(weights: Path) -> AbstractContextManager[tuple[psutil.Process, str]]:
    """The reference server."""
    return running([sys.executable, "-m", "benchmarks.servers.fastapi_pytorch", str(weights)], "/docs")


def main() -> None:
    options = parser(__doc__, videos=True)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--seconds", type=float, default=10, help="of each round")
    options.add_argument("--full-size", action="store_true", help="r3d_18 in place of the bundled model")
    options.add_argument("--no-reference", dest="reference", action="store_false", help="this project only")
    args = options.parse_args()
    contents = [video.read_bytes() for video in args.videos]
    ours, theirs, shares = Load(), Load(), []
    with tempfile.TemporaryDirectory() as folder:
        weights, model = build(Path(folder), args.full_size)
        for _ in range(ROUNDS):
            possible = asyncio.run(cost_of(model, args.videos))
            with service(model) as (process, url), watched(process, ours):
                steady = SteadyRate(url, args.seconds)
                press(url, contents, args.clients, args.seconds, ours)
                shares.append(steady.result() / possible.clips_per_second)
            print(f"possible {possible}; reached {shares[-1]:.3f}", flush=True)
            if args.reference:
                with reference(weights) as (process, url), watched(process, theirs):
                    press(url, contents, args.clients, args.seconds, theirs)
    rows = [{"server": "this project", **ours.figures()}]
    if args.reference:
        rows.append({"server": "FastAPI + PyTorch", **theirs.figures()})
        ratio = ours.figures()["clips_per_second"] / theirs.figures()["clips_per_second"]
        print(f"clips/s, ratio: {ratio:.2f}")
    print(f"share of the possible, median of the rounds: {statistics.median(shares):.3f}")
    columns = ["clips_per_second", "p95_ms", "peak_over_idle_mb"]
    finish(f"{args.clients} clients posting real videos", rows, args, "server", columns)


if __name__ == "__main__":
    main()
