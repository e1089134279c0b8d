"""Which of several ways to run the network is the fastest on this machine, found out by trying them in turn."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Protocol

import numpy as np

from .backends.candidates import Candidate
from .backends.protocol import BackendFactory

logger = logging.getLogger(__name__)

# Seconds for measuring: for a small network, and for one of which a clip takes long.
SMALL_SECONDS, LARGE_SECONDS = 1.5, 6.0
LARGE_CLIP_SECONDS = 0.1

# What is this much slower than the best is not tried again.
HOPELESS = 1.5
# Rounds whose leaders differ by less agree: either will do.
CLOSE = 0.03
# A run of a small network is repeated until it takes this long, or its time would be mostly noise.
RUN_SECONDS = 0.05
MAX_REPEATS = 8
MAX_ROUNDS = 8


class Runner(Protocol):
    """Something that can be timed."""

    def run(self) -> float:
        """Run it for a moment; seconds per clip."""


class Trial:
    """A candidate, loaded and warm: every one of its workers on a clip at once. Use it in one thread."""

    def __init__(self, factories: Sequence[BackendFactory], shape: tuple[int, ...]) -> None:
        """`shape` is a clip's, [T, H, W, 3]. Raises what loading raises."""
        self._clip = np.random.default_rng(0).integers(0, 256, (1, *shape), np.uint8)
        self._pool = ThreadPoolExecutor(len(factories), "tune")
        self._repeats = 1
        try:
            self._backends = list(self._pool.map(lambda make: make(), factories))
            self.first = self._once()
            self._repeats = max(1, min(MAX_REPEATS, round(RUN_SECONDS / self.first)))
        except BaseException:
            self._pool.shutdown()
            raise

    def run(self) -> float:
        """See `Runner`."""
        return self._once()

    def close(self) -> None:
        """Let go of the backends."""
        list(self._pool.map(lambda backend: backend.close(), self._backends))
        self._pool.shutdown()

    def _once(self) -> float:
        def work(index: int) -> None:
            for _ in range(self._repeats):
                self._backends[index].infer(self._clip)

        started = time.perf_counter()
        list(self._pool.map(work, range(len(self._backends))))
        return (time.perf_counter() - started) / (self._repeats * len(self._backends))


def measure(
    runners: Mapping[str, Runner],
    seconds: float,
    first: Mapping[str, float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds per clip of each, the best of several interleaved rounds; the fastest first.

    Another load on the machine slows a round, seldom the same way in two: rounds go on until two in a row have the same
    leader, or `seconds` are over. `first` is a round that was run before.
    """
    ends = clock() + seconds
    best = dict(first or {})
    previous = min(best, key=best.__getitem__) if best else None
    for _ in range(MAX_ROUNDS):
        fastest = min(best.values(), default=float("inf"))
        round_ = {name: runner.run() for name, runner in runners.items() if best.get(name, 0.0) <= HOPELESS * fastest}
        for name, found in round_.items():
            best[name] = min(best.get(name, found), found)
        leader = min(round_, key=round_.__getitem__)
        if len(round_) == 1 or clock() > ends:
            break
        if previous is not None and round_.get(previous, float("inf")) <= round_[leader] * (1 + CLOSE):
            break
        previous = leader
    return dict(sorted(best.items(), key=lambda item: item[1]))


def tune(candidates: Sequence[Candidate], shape: tuple[int, ...]) -> dict[str, float]:
    """Seconds per clip of the candidates that were worth trying; `shape` is a clip's.

    Packages and precisions first, each on as many clips at once as is usual; then other numbers for the best of them.
    What cannot be loaded is left out. Raises RuntimeError when nothing can.
    """
    found = _measure([each for each in candidates if each.usual], shape)
    if not found:
        raise RuntimeError("nothing could be loaded; see the log")
    best = next(each for each in candidates if each.name == next(iter(found)))
    others = [
        each
        for each in candidates
        if not each.usual and (each.package, each.precision) == (best.package, best.precision)
    ]
    return found | (_measure([best, *others], shape) if others else {})


def _measure(candidates: Sequence[Candidate], shape: tuple[int, ...]) -> dict[str, float]:
    with ExitStack() as stack:
        trials: dict[str, Trial] = {}
        for candidate in candidates:
            try:
                trials[candidate.name] = trial = Trial(candidate.factories, shape)
            except Exception as error:  # a runtime may raise anything; another may do
                logger.warning("%s cannot be used: %s", candidate.name, error)
                continue
            stack.callback(trial.close)
        if not trials:
            return {}
        first = {name: trial.first for name, trial in trials.items()}
        if min(first.values()) < LARGE_CLIP_SECONDS:  # of a small network, the first run tells little
            return measure(trials, SMALL_SECONDS)
        return measure(trials, LARGE_SECONDS, first)
