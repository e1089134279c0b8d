"""Round robin over owners: whoever has much waiting holds up nobody who has little."""

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """A queue that gives one item of each owner in turn, each owner's in order."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[T]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, owner: Hashable, item: T) -> None:
        """Put `item` behind the owner's others; a new owner comes after all others."""
        self._waiting.setdefault(owner, deque()).append(item)
        self._length += 1

    def pop(self) -> T:
        """The next item. Raises StopIteration when there is none."""
        owner = next(iter(self._waiting))
        items = self._waiting.pop(owner)
        item = items.popleft()
        if items:
            self._waiting[owner] = items
        self._length -= 1
        return item

    def heads(self) -> Iterator[T]:
        """The first item of each owner."""
        return (items[0] for items in self._waiting.values())

    def clear(self) -> list[T]:
        """Everything, taken out."""
        items = [item for waiting in self._waiting.values() for item in waiting]
        self._waiting.clear()
        self._length = 0
        return items
