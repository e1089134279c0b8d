"""How long an upload is waited for: three rules, each for another way of being slow."""

from collections import deque

from ...settings import Settings

# The least rate holds over any stretch of this length, in seconds of waiting.
WINDOW = 30.0
# Between two marks, seconds: how exactly a stretch is measured.
STEP = 0.1


class Patience:
    """Tells how much longer the next piece of an upload may take.

    Counts the time that is spent waiting for the client, and no other: a slow disk of ours is not the client's fault.
    """

    def __init__(self, settings: Settings) -> None:
        self._pause = settings.upload_timeout_seconds
        self._total = settings.upload_total_seconds
        self._rate = settings.upload_min_bytes_per_second
        self._waited = 0.0
        self._received = 0
        # (seconds waited, bytes received before). Since all but the first came less than a WINDOW must bring.
        self._marks = deque([(0.0, 0)])

    def arrived(self, size: int, waited: float) -> None:
        """`size` bytes have come, after `waited` seconds."""
        self._waited += waited
        if self._waited - self._marks[-1][0] >= STEP:
            self._marks.append((self._waited, self._received))
        self._received += size
        while len(self._marks) > 1 and self._received - self._marks[1][1] >= self._rate * WINDOW:
            self._marks.popleft()

    def left(self) -> tuple[float, str]:
        """Seconds that the next piece may take, 0 or more, and what to say of an upload that takes longer."""
        rules = [
            (self._pause, f"nothing arrived for {self._pause:g} s"),
            (self._total - self._waited, f"the upload was not complete after {self._total:g} s"),
        ]
        if self._rate:
            since = self._marks[0][0]
            slow = f"fewer than {self._rate} bytes a second arrived over {WINDOW:g} s"
            rules.append((since + WINDOW - self._waited, slow))
        seconds, complaint = min(rules)
        return max(0.0, seconds), complaint
