"""A video's place among those that the cores have open."""

import asyncio


class Places:
    """The open slots, and how many videos have one. Use it in one event loop."""

    def __init__(self, count: int) -> None:
        self.taken = 0
        self._free = asyncio.Semaphore(count)

    def place(self) -> "Place":
        """For one video, which has none of them yet."""
        return Place(self, self._free)


class Place:
    """One video's; `left` when its child is gone."""

    def __init__(self, places: Places, free: asyncio.Semaphore) -> None:
        self._places = places
        self._free = free
        self._has = self._is_over = False

    async def take(self) -> None:
        """Wait for an open slot, and have it until the video is over."""
        await self._free.acquire()
        if self._is_over:  # the child died in the meantime
            self._free.release()
            return
        self._has = True
        self._places.taken += 1

    def leave(self) -> None:
        """The video is over."""
        self._is_over = True
        if self._has:
            self._has = False
            self._places.taken -= 1
            self._free.release()
