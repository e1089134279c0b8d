"""Which of several ways to run the network is the fastest on this machine, found out by trying them in turn."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..machine import available_cpus
from .backends.candidates import Candidate
from .backends.protocol import BackendFactory

logger = logging.getLogger(__name__)

# Seconds for measuring, at most, of a small network, and of one of which a clip takes long. Where nothing else runs,
# two or three rounds are enough.
SMALL_SECONDS, LARGE_SECONDS = 4.0, 20.0
LARGE_CLIP_SECONDS = 0.1

# What is this much slower than the best is not tried again.
HOPELESS = 1.5
# Of two that differ by less than this, either may lead a round.
CLOSE = 1.03
# A run that takes this much more than the best was disturbed, or was the first.
STEADY = 1.1
# The share of the processors' time that a runtime takes at least, if nothing else wants it.
UNDISTURBED = 0.7
# A run of a small network is repeated until it takes this long, or its time would be mostly noise.
RUN_SECONDS = 0.05
MAX_REPEATS = 8
MAX_ROUNDS = 10


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
            self.first = self.run()
            self._repeats = max(1, min(MAX_REPEATS, round(RUN_SECONDS / self.first)))
        except BaseException:
            self._pool.shutdown()
            raise

    def close(self) -> None:
        """Let go of the backends."""
        list(self._pool.map(lambda backend: backend.close(), self._backends))
        self._pool.shutdown()

    def run(self) -> float:
        """See `Runner`."""

        def work(index: int) -> None:
            for _ in range(self._repeats):
                self._backends[index].infer(self._clip)

        started = time.perf_counter()
        list(self._pool.map(work, range(len(self._backends))))
        return (time.perf_counter() - started) / (self._repeats * len(self._backends))


@dataclass(frozen=True)
class Measurement:
    """Seconds per clip by name, the fastest first; `steady` unless another load on the machine disturbed it."""

    seconds: dict[str, float]
    steady: bool


def measure(
    runners: Mapping[str, Runner],
    seconds: float,
    first: Mapping[str, float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
    processor_time: Callable[[], float] = time.process_time,
) -> Measurement:
    """The best of several interleaved rounds; `first` is a round that was run before.

    Rounds go on until two in a row have the same leader, in about its best time, and this process had the processors
    that it may use to itself; or until `seconds` are over: the best of many disturbed rounds is near the truth too.
    """
    ends = clock() + seconds
    best = dict(first or {})
    last = dict(first or {})
    for _ in range(MAX_ROUNDS):
        fastest = min(best.values(), default=float("inf"))
        started, used = clock(), processor_time()
        now = {name: runner.run() for name, runner in runners.items() if best.get(name, 0.0) <= HOPELESS * fastest}
        for name, found in now.items():
            best[name] = min(best.get(name, found), found)
        undisturbed = processor_time() - used >= UNDISTURBED * available_cpus() * (clock() - started)
        if undisturbed and _agree(last, now, best):
            return Measurement(_sorted(best), steady=True)
        last = now
        if clock() > ends:
            break
    return Measurement(_sorted(best), steady=False)


def _agree(last: Mapping[str, float], now: Mapping[str, float], best: Mapping[str, float]) -> bool:
    """Whether two rounds have the same leader, give or take what does not matter, in about its best time."""
    leader = min(now, key=now.__getitem__)
    leads = leader in last and last[leader] <= min(last[name] for name in now if name in last) * CLOSE
    return leads and max(last[leader], now[leader]) <= best[leader] * STEADY


def _sorted(seconds: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: item[1]))


def tune(candidates: Sequence[Candidate], shape: tuple[int, ...]) -> Measurement:
    """The candidates that were worth trying; `shape` is a clip's.

    Packages and precisions first, each on as many clips at once as is usual; then other numbers for the best of them.
    What cannot be loaded is left out. Raises RuntimeError when nothing can.
    """
    found = _measure([each for each in candidates if each.usual], shape)
    if found is None:
        raise RuntimeError("nothing could be loaded; see the log")
    best = next(each for each in candidates if each.name == next(iter(found.seconds)))
    like_it = [each for each in candidates if (each.package, each.precision) == (best.package, best.precision)]
    if len(like_it) > 1 and (more := _measure(like_it, shape)) is not None:
        rest = {name: seconds for name, seconds in found.seconds.items() if name not in more.seconds}
        return Measurement(_sorted(rest | more.seconds), found.steady and more.steady)
    return found


def _measure(candidates: Sequence[Candidate], shape: tuple[int, ...]) -> Measurement | None:
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
            return None
        first = {name: trial.first for name, trial in trials.items()}
        if min(first.values()) < LARGE_CLIP_SECONDS:  # of a small network, the first run tells little
            return measure(trials, SMALL_SECONDS)
        return measure(trials, LARGE_SECONDS, first)
