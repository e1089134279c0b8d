"""The PyCUDA backend with the stand-in, checked: results, leaks, overlap of copies and computing, shared load."""

import random
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from pycuda import driver

from engine_builder.manifest import ClipFormat, Outputs
from service.batch.verification import clips as video_clips
from service.inference.backends.tensorrt import TensorRtBackend
from service.inference.batcher import Batcher
from service.inference.clip_queue import Outcome

from ..support.recipe import GOLDEN
from .standin_context import BATCH, SHAPE, backend_of, full_network, small_network, stand_in

CLIPS_PER_VIDEO = 8  # at most


def results(videos: list[Path], device: int) -> dict[str, object]:
    """Largest difference from torchvision's own probabilities, through batcher and backend."""
    network = full_network(device)
    batcher = Batcher([partial(backend_of, stand_in([network]), device, 0)], SHAPE, 400, BATCH, features=512)
    batcher.start()[0].result(120)
    with np.load(GOLDEN / "r3d_18_seed0.npz") as archive:
        expected = dict(archive)
    noise = np.random.default_rng(0).integers(0, 256, (1, *SHAPE), dtype=np.uint8)
    wanted, clips = [expected["noise_clip_probs"][None]], [noise]
    for video in videos:
        if f"probs:{video.name}" in expected:
            clips.append(video_clips(video, ClipFormat(), CLIPS_PER_VIDEO))
            wanted.append(expected[f"probs:{video.name}"][: len(clips[-1])])
    futures = [batcher.submit(clip) for clip in np.concatenate(clips)]
    outcomes = [future.result(60) for future in futures]
    found = np.stack([outcome.probabilities for outcome in outcomes])
    batcher.close()
    # The last layer, beside the backend: embeddings of other clips would give other logits.
    embedding = torch.from_numpy(outcomes[0].embedding).to(f"cuda:{device}")
    logits = network.last(embedding).detach().cpu().numpy()
    every = np.concatenate(wanted)
    same = int((found.argmax(1) == every.argmax(1)).sum())
    return {"clips": len(found), "max_abs_difference": float(np.abs(found - every).max()), "same_top1": same,
            "max_logit_difference": float(np.abs(logits - expected["noise_clip_logits"]).max())}  # fmt: skip


def difference(found: Outputs, alone: Outputs, chosen: list[int]) -> float:
    """The largest from what the clips gave alone, of probabilities and embeddings."""
    assert found.embeddings is not None
    assert alone.embeddings is not None
    pairs = (found.probabilities, alone.probabilities), (found.embeddings, alone.embeddings)
    return max(float(np.abs(left - right[chosen]).max()) for left, right in pairs)


def leaks(batches: int, device: int) -> dict[str, object]:
    """Memory before and after batches of random sizes, results checked against the batch alone."""
    network = small_network(device)
    backend = backend_of(stand_in([network]), device, 0)
    chance = random.Random(0)
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, *SHAPE), np.uint8)
    alone = Outputs.joined([backend.infer(clip[None]) for clip in clips])
    process, worst = psutil.Process(), 0.0
    held: list[tuple[int, int]] = []
    running: deque[tuple[Any, list[int]]] = deque()
    started = time.monotonic()
    for index in range(batches):
        if len(running) == backend.depth:
            in_flight, chosen = running.popleft()
            worst = max(worst, difference(backend.finish(in_flight), alone, chosen))
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
    backend = backend_of(stand_in([full_network(device)], events), device, 0)
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

        def counted(index: int, number: int, counts: list[int] = counts) -> TensorRtBackend:
            backend = backend_of(stand_in(networks), number, index)
            starting = backend.start

            def start(batch: Any) -> Any:
                counts[index] += len(batch)
                return starting(batch)

            backend.start = start  # type: ignore[method-assign, assignment]
            return backend

        factories = [partial(counted, index, number) for index, number in enumerate(used)]
        batcher = Batcher(factories, SHAPE, 400, BATCH)
        for loaded in batcher.start():
            loaded.result(120)
        counts[:] = [0] * len(used)
        started = time.monotonic()
        futures: list[Future[Outcome]] = [batcher.submit(data[number % 16]) for number in range(clips)]
        for future in futures:
            future.result(120)
        speeds[len(used)] = clips / (time.monotonic() - started)
        shares = counts
        batcher.close()
    return {"clips_by_gpu": shares, "clips_per_second_by_gpus": {n: round(speed, 1) for n, speed in speeds.items()}}
