"""A decoded frame, on its way from the decoder to a clip."""

from collections.abc import Callable
from functools import cached_property

from .pixels.grid import Picture


class Frame:
    """A frame's number and time; `ends` is when the next begins. Seconds count from the first frame.

    Its pixels are converted when first asked for: frames that no clip needs never are.
    """

    def __init__(self, index: int, seconds: float, ends: float, convert: Callable[[], Picture]) -> None:
        self.index = index
        self.seconds = seconds
        self.ends = ends
        self._convert = convert

    @cached_property
    def picture(self) -> Picture:
        """The crop, uint8 [H, W, 3] RGB."""
        return self._convert()
