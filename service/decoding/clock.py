"""When frames begin and end: seconds from the first frame, by the container's time stamps."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol, TypeVar

MAX_SECONDS = 1e9


class Stamped(Protocol):
    """A frame's time as its container has it; None or 0 where it does not say."""

    @property
    def pts(self) -> int | None: ...  # noqa: D102

    @property
    def duration(self) -> int | None: ...  # noqa: D102

    @property
    def time_base(self) -> Fraction | None: ...  # noqa: D102


F = TypeVar("F", bound=Stamped)


def timed(frames: Iterable[F], frame_rate: float) -> Iterator[tuple[int, F, float, float]]:
    """Each frame with its number, when it begins and when it ends: given when the next is there, which tells."""
    clock = _Clock(frame_rate)
    held: tuple[int, F, float] | None = None
    for index, frame in enumerate(frames):
        began = clock.time_of(frame)
        if held is not None:
            yield *held, began
        held = (index, frame, began)
    if held is not None:
        yield *held, clock.end_of(held[1])


class _Clock:
    """Seconds from the first frame; where time stamps do not advance, by the frame rate."""

    def __init__(self, frame_rate: float) -> None:
        self._usual = 1 / frame_rate
        self._zero: float | None = None
        self._last = -self._usual

    def time_of(self, frame: Stamped) -> float:
        """When it begins; later than the frame before."""
        stamp = stamp_of(frame)
        if stamp is not None and self._zero is None:
            self._zero = stamp - (self._last + self._usual)
        seconds = stamp - self._zero if stamp is not None and self._zero is not None else self._last + self._usual
        if not self._last < seconds < MAX_SECONDS:
            seconds = self._last + self._usual
        self._last = seconds
        return seconds

    def end_of(self, last: Stamped) -> float:
        """When the last frame ends."""
        duration = float(last.duration * last.time_base) if last.duration and last.time_base else 0.0
        # Much less than usual is a container's clock again.
        return self._last + (duration if self._usual / 2 < duration < MAX_SECONDS else self._usual)


def stamp_of(frame: Stamped) -> float | None:
    """The frame's time stamp in seconds, if it has one; in AVI it has none."""
    base = frame.time_base
    # A fraction's own arithmetic takes ten times as long, for every frame.
    return None if frame.pts is None or base is None else frame.pts * base.numerator / base.denominator
