"""The PyCUDA runtime on a real GPU, without TensorRT: `python -m benchmarks.standin [VIDEO...] [--devices 0,1]`.

TensorRT's execution context is stood in for by one with the same calls that computes the network with PyTorch, on the
device pointers and the stream it is given. Everything else is the service's own: primary context, page-locked staging,
asynchronous copies, two batches under way, one worker a GPU. Checks the results against torchvision's (tests/golden),
10,000 batches of random sizes for leaks, the sharing of the load, and that copies and computing overlap.
"""

import argparse
import json
import random
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import torch
from pycuda import driver
from torchvision.models.video import r3d_18

from engine_builder.camera_motion.network import R3D18
from engine_builder.manifest import ClipFormat
from engine_builder.sample_clips import video_clips
from service.inference.backends.tensorrt import TensorRtBackend
from service.inference.batcher import Batcher
from service.inference.clip_queue import Outcome
from tests.support.recipe import GOLDEN, draw, shapes_of

SHAPE = (32, 112, 112, 3)
BATCH = 8


class Memory:
    """Device memory at an address, as PyTorch takes it."""

    def __init__(self, address: int, shape: tuple[int, ...], kind: str) -> None:
        self.__cuda_array_interface__ = {"data": (address, False), "shape": shape, "typestr": kind, "version": 3}


class Context:
    """Stands in for IExecutionContext: the calls that the backend makes, as TensorRT documents them."""

    def __init__(self, network: torch.nn.Module, classes: int, events: "deque[tuple[Any, Any]] | None") -> None:
        self._network, self._classes, self._events = network, classes, events
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        clip = ClipFormat()
        self._mean = torch.tensor(clip.mean, device=self._device).view(1, 3, 1, 1, 1)
        self._std = torch.tensor(clip.std, device=self._device).view(1, 3, 1, 1, 1)

    @property
    def _device(self) -> torch.device:
        return next(self._network.parameters()).device

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "frames"
        self._shape = shape
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = int(memory)
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        stream = torch.cuda.ExternalStream(stream_handle, device=self._device)
        with torch.inference_mode(), torch.cuda.device(self._device), torch.cuda.stream(stream):
            begun, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begun.record(stream)
            frames = torch.as_tensor(Memory(self._addresses["frames"], self._shape, "|u1"), device=self._device)
            output = Memory(self._addresses["probabilities"], (self._shape[0], self._classes), "<f4")
            x = (frames.permute(0, 4, 1, 2, 3).float() / 255 - self._mean) / self._std
            torch.as_tensor(output, device=self._device).copy_(self._network(x).softmax(1))
            ended.record(stream)
            if self._events is not None:
                self._events.append((begun, ended))
        return True


def stand_in(networks: list[torch.nn.Module], classes: int, events: "deque[tuple[Any, Any]] | None" = None) -> Any:
    """Stands in for the module `tensorrt`; the "serialised engine" is the number of a network."""

    class Runtime:
        def __init__(self, logger: object) -> None:
            self.logger = logger

        def deserialize_cuda_engine(self, content: bytes) -> Any:
            network = networks[int(content)]
            return SimpleNamespace(create_execution_context=lambda: Context(network, classes, events))

    return SimpleNamespace(
        __name__="stand-in", Runtime=Runtime, Logger=type("Logger", (), {"WARNING": 0, "__init__": lambda *_: None}),
    )  # fmt: skip


def full_network(device: int) -> torch.nn.Module:
    """torchvision's r3d_18 with the recipe's weights, fp32 without TF32."""
    network = r3d_18(weights=None).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in draw(shapes_of("r3d_18")).items()})
    return network.to(f"cuda:{device}")


def small_network(device: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return R3D18(9, 8).eval().to(f"cuda:{device}")


def backend_of(trt: Any, classes: int, device: int, number: int) -> TensorRtBackend:
    return TensorRtBackend(trt, str(number).encode(), BATCH, SHAPE, classes, "fp32", device)


def results(videos: list[Path], device: int) -> dict[str, object]:
    """Largest difference from torchvision's own probabilities, through batcher and backend."""
    trt = stand_in([full_network(device)], 400)
    batcher = Batcher([partial(backend_of, trt, 400, device, 0)], SHAPE, 400, BATCH)
    batcher.start()[0].result(120)
    with np.load(GOLDEN / "r3d_18_seed0.npz") as archive:
        expected = dict(archive)
    noise = np.random.default_rng(0).integers(0, 256, (1, *SHAPE), dtype=np.uint8)
    wanted, clips = [expected["noise_clip_probs"][None]], [noise]
    for video in videos:
        if f"probs:{video.name}" in expected:
            clips.append(video_clips(video, ClipFormat()))
            wanted.append(expected[f"probs:{video.name}"][: len(clips[-1])])
    futures = [batcher.submit(clip) for clip in np.concatenate(clips)]
    found = np.stack([future.result(60).probabilities for future in futures])
    batcher.close()
    every = np.concatenate(wanted)
    same = int((found.argmax(1) == every.argmax(1)).sum())
    return {"clips": len(found), "max_abs_difference": float(np.abs(found - every).max()), "same_top1": same}


def leaks(batches: int, device: int) -> dict[str, object]:
    """Memory before and after batches of random sizes, results checked against the batch alone."""
    network = small_network(device)
    backend = backend_of(stand_in([network], 9), 9, device, 0)
    chance = random.Random(0)
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, *SHAPE), np.uint8)
    alone = np.concatenate([backend.infer(clip[None]) for clip in clips])
    process, worst = psutil.Process(), 0.0
    held: list[tuple[int, int]] = []
    running: deque[tuple[Any, list[int]]] = deque()
    started = time.monotonic()
    for index in range(batches):
        if len(running) == backend.depth:
            ticket, chosen = running.popleft()
            worst = max(worst, float(np.abs(backend.finish(ticket) - alone[chosen]).max()))
        chosen = [chance.randrange(BATCH) for _ in range(chance.randint(1, BATCH))]
        running.append((backend.start([clips[number] for number in chosen]), chosen))
        if index in (batches // 10, batches - 1):
            held.append((driver.mem_get_info()[0], process.memory_info().rss))
    while running:
        backend.finish(running.popleft()[0])
    seconds = time.monotonic() - started
    backend.close()
    (free, resident), (free_after, resident_after) = held
    return {
        "batches": batches,
        "seconds": round(seconds, 1),
        "max_abs_difference": worst,
        "gpu_growth_mb": round((free - free_after) / 1e6, 1),
        "host_growth_mb": round((resident_after - resident) / 1e6, 1),
    }


def overlap(device: int) -> dict[str, object]:
    """How much of the copying to the GPU happened while another batch was computing."""
    events: deque[tuple[Any, Any]] = deque()
    backend = backend_of(stand_in([full_network(device)], 400, events), 400, device, 0)
    clips = list(np.random.default_rng(0).integers(0, 256, (BATCH, *SHAPE), np.uint8))
    backend.infer(np.stack(clips))
    events.clear()
    base = torch.cuda.Event(enable_timing=True)
    base.record()
    torch.cuda.synchronize()
    uploads: list[Any] = []
    running: deque[Any] = deque()
    for _ in range(40):
        if len(running) == backend.depth:
            backend.finish(running.popleft())
        begun = torch.cuda.Event(enable_timing=True)
        begun.record(torch.cuda.ExternalStream(backend._free[-1].stream.handle))
        uploads.append(begun)
        running.append(backend.start(clips))
    while running:
        backend.finish(running.popleft())
    torch.cuda.synchronize()
    copies = [(base.elapsed_time(a), base.elapsed_time(b)) for a, (b, _) in zip(uploads, events, strict=True)]
    computing = [(base.elapsed_time(a), base.elapsed_time(b)) for a, b in events]
    hidden = sum(max(0.0, min(e, d) - max(b, c)) for b, e in copies[1:] for c, d in computing)
    total = sum(end - begin for begin, end in copies[1:])
    compute = float(np.median([end - begin for begin, end in computing]))
    backend.close()
    return {"upload_ms": round(total / len(copies[1:]), 3), "compute_ms": round(compute, 3),
            "uploads_overlapping_compute": f"{min(1.0, hidden / total):.0%}"}  # fmt: skip


def sharing(devices: list[int], clips: int) -> dict[str, object]:
    """Clips each GPU computed from one shared queue, and the speed beside one GPU alone."""
    networks = [full_network(device) for device in devices]
    data = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), np.uint8)
    speeds: dict[int, float] = {}
    shares: list[int] = []
    for used in (devices[:1], devices):
        counts = [0] * len(used)

        def counted(place: int, number: int, counts: list[int] = counts) -> TensorRtBackend:
            backend = backend_of(stand_in(networks, 400), 400, number, place)
            starting = backend.start

            def start(batch: Any) -> Any:
                counts[place] += len(batch)
                return starting(batch)

            backend.start = start  # type: ignore[method-assign, assignment]
            return backend

        factories = [partial(counted, place, number) for place, number in enumerate(used)]
        batcher = Batcher(factories, SHAPE, 400, BATCH)
        for loaded in batcher.start():
            loaded.result(120)
        counts[:] = [0] * len(used)
        started = time.monotonic()
        futures: list[Future[Outcome]] = [batcher.submit(data[index % 16]) for index in range(clips)]
        for future in futures:
            future.result(120)
        speeds[len(used)] = clips / (time.monotonic() - started)
        shares = counts
        batcher.close()
    return {"clips_by_gpu": shares, "clips_per_second_by_gpus": {n: round(speed, 1) for n, speed in speeds.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--devices", default="0")
    parser.add_argument("--batches", type=int, default=10_000)
    args = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    devices = [int(number) for number in args.devices.split(",")]
    torch.cuda.init()
    print("results", json.dumps(results(args.videos, devices[0])), flush=True)
    print("overlap", json.dumps(overlap(devices[0])), flush=True)
    if len(devices) > 1:
        print("sharing", json.dumps(sharing(devices, 2000)), flush=True)
    print("leaks", json.dumps(leaks(args.batches, devices[0])), flush=True)


if __name__ == "__main__":
    main()
