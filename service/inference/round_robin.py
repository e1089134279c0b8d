"""Round robin over owners: whoever has much waiting holds up nobody who has little."""

from collections import deque
from collections.abc import Hashable, Iterator
from itertools import chain
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """A queue that gives one item of each owner in turn, each owner's in order.

    Items added `ahead` are given before, but never two of them while others wait: a newcomer is served soon however
    many there are, and many newcomers starve nobody.
    """

    def __init__(self) -> None:
        self._ahead: deque[T] = deque()
        self._waiting: dict[Hashable, deque[T]] = {}
        self._length = 0
        self._passed = False

    def __len__(self) -> int:
        return self._length

    def add(self, owner: Hashable, item: T, ahead: bool = False) -> None:
        """Put `item` behind the owner's others; a new owner comes after all others.

        `ahead`: put it before all that was not; only for the first item of an owner.
        """
        self._length += 1
        if ahead:
            self._ahead.append(item)
        else:
            self._waiting.setdefault(owner, deque()).append(item)

    def pop(self) -> T:
        """The next item. Raises IndexError when there is none."""
        if not self._length:
            raise IndexError("empty")
        self._length -= 1
        self._passed = bool(self._ahead) and not (self._passed and self._waiting)
        if self._passed:
            return self._ahead.popleft()
        owner = next(iter(self._waiting))
        items = self._waiting.pop(owner)
        item = items.popleft()
        if items:
            self._waiting[owner] = items
        return item

    def heads(self) -> Iterator[T]:
        """The first item of each owner."""
        return chain(self._ahead, (items[0] for items in self._waiting.values()))

    def clear(self) -> list[T]:
        """Everything, taken out."""
        items = [*self._ahead, *(item for waiting in self._waiting.values() for item in waiting)]
        self._ahead.clear()
        self._waiting.clear()
        self._length = 0
        return items
