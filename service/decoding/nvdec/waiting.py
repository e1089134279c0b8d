"""Videos that wait for a connection to NVDEC. Use it in one event loop."""

import asyncio
from collections import deque
from collections.abc import Callable

from ...turns import Turns


class Waiting:
    """Those that somebody waits for and those in the background, each in the order in which they came."""

    def __init__(self) -> None:
        self._others: deque[asyncio.Future[None]] = deque()
        self._background: deque[asyncio.Future[None]] = deque()
        self._turns = Turns()

    def is_before(self, background: bool) -> bool:
        """Whether any waits that a video which comes now, in the background or not, must not overtake."""
        return bool(self._others or (background and self._background))

    async def turn(self, background: bool, pass_on: Callable[[], None]) -> None:
        """Wait to be called; `pass_on` is for who was, but is cancelled in the same moment."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._background if background else self._others
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in queue:
                queue.remove(turn)
            else:
                pass_on()
            raise

    def call_next(self, background_may: bool) -> None:
        """Call the one whose turn it is, if any waits. `background_may`: whether it may be one of the background."""
        while True:
            may = background_may and bool(self._background)
            queue = self._background if self._turns.background_is_next(may, bool(self._others)) else self._others
            if not queue:
                return
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
