"""Two queues in one: what somebody waits for, and what is done in the background."""

from collections.abc import Hashable, Iterator
from itertools import chain
from typing import Generic, TypeVar

from ..turns import Turns
from .round_robin import RoundRobin

T = TypeVar("T")


class Lanes(Generic[T]):
    """A round robin over owners in each lane; `Turns` says which lane is next."""

    def __init__(self) -> None:
        self._front: RoundRobin[T] = RoundRobin()
        self._background: RoundRobin[T] = RoundRobin()
        self._turns = Turns()

    def __len__(self) -> int:
        return len(self._front) + len(self._background)

    def add(self, owner: Hashable, item: T, ahead: bool = False, background: bool = False) -> None:
        """See `RoundRobin`; `ahead` is within the lane."""
        (self._background if background else self._front).add(owner, item, ahead)

    def pop(self) -> T:
        """The next item. Raises IndexError when there is none."""
        background = self._turns.background_is_next(bool(self._background), bool(self._front))
        return (self._background if background else self._front).pop()

    def heads(self) -> Iterator[T]:
        """The first item of each owner."""
        return chain(self._front.heads(), self._background.heads())

    def clear(self) -> list[T]:
        """Everything, taken out."""
        return [*self._front.clear(), *self._background.clear()]
