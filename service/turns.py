"""Whose turn it is between those who wait for an answer and what is done in the background."""

# Of so many turns one is the background's, while others wait.
EVERY = 5


class Turns:
    """Those who wait go first; what is in the background never starves, and has a fifth of the turns."""

    def __init__(self) -> None:
        self._passed_over = 0

    def background_is_next(self, background: bool, others: bool) -> bool:
        """Take a turn, for the background or not. `background`, `others`: whether any of them wait."""
        due = background and (not others or self._passed_over >= EVERY - 1)
        self._passed_over = self._passed_over + 1 if background and not due else 0
        return due
