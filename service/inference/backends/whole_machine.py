"""A clip that is alone gets the whole machine; several share it, a stream each.

On 16 cores of an Intel Xeon with AMX (r3d_18, bf16) 16 streams did 28 clips/s and took 376 ms for a lone clip; one
stream of all cores did 20 clips/s and took 51 ms.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A clip is alone if no other came for this long before it. Between those of a busy service the pauses are shorter, and
# there the whole machine would do the same work in more processor time: the bundled model's in twice as much.
PAUSE_SECONDS = 0.01


class WholeMachine:
    """Knows which clip is alone. Shared by the workers of a network's streams."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._idle_since = float("-inf")

    @contextmanager
    def clip(self) -> Iterator[bool]:
        """While a clip is computed: whether it is alone, and no other one is while it lasts."""
        with self._lock:
            alone = not self._running and self._clock() - self._idle_since >= PAUSE_SECONDS
            self._running += 1
        try:
            yield alone
        finally:
            with self._lock:
                self._running -= 1
                self._idle_since = self._clock()
