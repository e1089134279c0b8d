"""One engine, tried: it answers as the reference does, in any batch, with two under way, a thousand times over."""

import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from ..manifest import Frames, Outputs
from ..serving import EngineSession
from ..verify import TOLERANCE, answers, compare_all
from .outcome import FailedCheckError, Figures

# Growth of memory over the random batches that is no leak: allocators keep some.
HOST_GROWTH, GPU_GROWTH = 64 << 20, 16 << 20
TIMED_SECONDS = 1.0


class EngineTrial:
    """A loaded engine beside the reference's answers to `clips`, uint8 [n, T, H, W, 3]."""

    def __init__(self, session: EngineSession, clips: Frames, expected: Outputs, precision: str) -> None:
        self._session, self._clips, self._expected = session, clips, expected
        self._tolerance = TOLERANCE[precision]

    def batches(self) -> Figures:
        """Each clip alone, and in the largest batch. Raises FailedCheckError when they differ from the reference."""
        measured = compare_all(answers(self._session, self._clips), self._expected)
        if measured.nan_count:
            raise FailedCheckError(f"{measured.nan_count} values are no numbers")
        self._within(measured.max_abs_difference)
        return {"largest": self._session.max_batch, "difference": f"{measured.max_abs_difference:.1e}"}

    def two_under_way(self) -> Figures:
        """A batch is started before the one before it is finished: each has its own answers."""
        session, half = self._session, max(1, min(len(self._clips) // 2, self._session.max_batch))
        parts = (self._clips[:half], self._clips[-half:])
        running = [session.start(list(part)) for part in parts]
        found = Outputs.joined([session.finish(each) for each in running])
        rows = np.concatenate([np.arange(half), np.arange(len(self._clips) - half, len(self._clips))])
        self._within(self._difference(found, rows))
        return {"clips": 2 * half}

    def random_batches(self, count: int) -> Figures:
        """Batches of random sizes and clips, two under way. Raises FailedCheckError for wrong answers and leaks."""
        session, chance = self._session, np.random.default_rng(0)
        running: deque[tuple[Any, Any]] = deque()
        worst, held = 0.0, memory_in_use()

        def finish() -> float:
            in_flight, chosen = running.popleft()
            return self._difference(session.finish(in_flight), chosen)

        for index in range(count):
            if len(running) == session.depth:
                worst = max(worst, finish())
            chosen = chance.integers(0, len(self._clips), chance.integers(1, session.max_batch + 1))
            running.append((session.start([self._clips[each] for each in chosen]), chosen))
            if index == count // 10:
                held = memory_in_use()
        while running:
            worst = max(worst, finish())
        self._within(worst)
        grown = tuple(now - before for now, before in zip(memory_in_use(), held, strict=True))
        if grown[0] > HOST_GROWTH or grown[1] > GPU_GROWTH:
            raise FailedCheckError(f"memory grew by {grown[0] >> 20} MiB, the GPU's by {grown[1] >> 20}")
        return {"batches": count, "difference": f"{worst:.1e}"}

    def speed(self) -> Figures:
        """Clips per second, from host array to host array, alone and in the largest batch."""
        found = {}
        for batch in sorted({1, self._session.max_batch}):
            frames = self._clips[np.arange(batch) % len(self._clips)]
            started, done = time.perf_counter(), 0
            while (passed := time.perf_counter() - started) < TIMED_SECONDS:
                self._session.infer(frames)
                done += batch
            found[f"clips/s at {batch}"] = round(done / passed, 1)
        return found

    def _difference(self, found: Outputs, rows: Any) -> float:
        """The largest of a probability, from the reference's for those clips."""
        return float(np.abs(found.probabilities - self._expected.probabilities[rows]).max())

    def _within(self, difference: float) -> None:
        if not difference <= self._tolerance:  # also for NaN
            raise FailedCheckError(f"probabilities differ by up to {difference:.2g}; {self._tolerance:g} is allowed")


def memory_in_use() -> tuple[int, int]:
    """Bytes of this process, and of the GPU whose context is current, of all processes."""
    from pycuda import driver

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    free, total = driver.mem_get_info()
    return pages * 4096, total - free
