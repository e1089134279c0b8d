"""Ways to run r3d_18 in fp16 on an NVIDIA GPU, for `benchmarks.gpu`."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine_builder.manifest import ClipFormat, Frames
from service.inference.backends.double_buffered import DoubleBuffered
from service.inference.backends.onnxruntime import OnnxRuntimeBackend

Runner = Callable[[Sequence[Frames]], object]


def one_by_one(infer: Callable[[Frames], object]) -> Runner:
    """Batches one after the other."""
    return lambda batches: [infer(batch) for batch in batches]


def as_it_serves(model: Path, provider: str) -> Runner:
    """The backend as the batcher uses it: the next batch is put together while one is computed."""
    backend = DoubleBuffered(OnnxRuntimeBackend(model, "fp16", provider), ClipFormat().shape)

    def run(batches: Sequence[Frames]) -> None:
        in_flight = deque[Any]()
        for batch in batches:
            if len(in_flight) == backend.depth:
                backend.finish(in_flight.popleft())
            in_flight.append(backend.start(list(batch)))
        for each in in_flight:
            backend.finish(each)

    return run


def torch_runners() -> dict[str, Runner]:
    """What a user would write: torchvision's r3d_18 in fp16, channels last, eager and compiled."""
    import torch

    from .pytorch import normalised, r3d_18

    torch.backends.cudnn.benchmark = True
    network = r3d_18().half().cuda().to(memory_format=torch.channels_last_3d)

    def runner(module: Any, locked: bool = False) -> Runner:
        kept: dict[int, tuple[Frames, Frames]] = {}  # the given clips too, or their number might be another's

        def infer(frames: Frames) -> object:
            if locked:
                if id(frames) not in kept:
                    kept[id(frames)] = frames, torch.from_numpy(frames).pin_memory().numpy()
                frames = kept[id(frames)][1]
            with torch.inference_mode():
                x = normalised(frames, "cuda").half().contiguous(memory_format=torch.channels_last_3d)
                return module(x).float().softmax(1).cpu().numpy()

        return one_by_one(infer)

    compiled = torch.compile(network, dynamic=False)
    return {
        "PyTorch eager": runner(network),
        "torch.compile": runner(compiled),
        "torch.compile, clips already page-locked": runner(compiled, locked=True),
    }


def bare_onnxruntime(model: Path, provider: str) -> Callable[[Frames], object]:
    """The runtime without this project's code."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=[(provider, {"prefer_nhwc": "1"})])
    return lambda frames: session.run(None, {"frames": frames})[0]
