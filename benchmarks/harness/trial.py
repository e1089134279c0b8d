"""One server measured: under load, alone with a short video, beside a long one, and with hostile files."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .hostile import HostileFile
from .load import Load, form, post, press, watched
from .machine import Row
from .peers import Peer, Served

ALONE = 5  # short videos on an idle server
LEAD_SECONDS = 2  # the long video's, before short ones are posted
BESIDE_SECONDS = 60.0  # the longest that one of those is waited for


@dataclass(frozen=True)
class Work:
    """What is posted to every server."""

    videos: Sequence[Path]
    short: Path
    long: Path
    clients: int
    seconds: float


@dataclass
class Trial:
    """What was seen of a server, in all rounds. Times in seconds."""

    load: Load = field(default_factory=Load)
    starts: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    unanswered: bool = False
    hostile: dict[str, str] = field(default_factory=dict)
    fault: str | None = None

    def round(self, peer: Peer, served: Served, work: Work) -> None:
        """Start it, measure, end it. A server that fails is not measured again."""
        if self.fault is not None:
            return
        try:
            self._round(peer, served, work)
        except (RuntimeError, httpx.HTTPError) as error:
            self.fault = str(error)

    def _round(self, peer: Peer, served: Served, work: Work) -> None:
        started = time.monotonic()
        # The thread of the long video ends with the server: that does not notice a client that leaves.
        with ThreadPoolExecutor(1) as background, peer.start(served) as (process, url):
            self.starts.append(time.monotonic() - started)
            with watched(process, self.load), httpx.Client(timeout=BESIDE_SECONDS) as session:
                short = form(work.short.read_bytes())
                post(session, url, short)
                self.alone += [_timed(session, url, short) for _ in range(ALONE)]
                press(url, [video.read_bytes() for video in work.videos], work.clients, work.seconds, self.load)
                background.submit(_abandoned, url, work.long)
                time.sleep(LEAD_SECONDS)
                self._beside(session, url, short, work.seconds)

    def _beside(self, session: httpx.Client, url: str, short: bytes, seconds: float) -> None:
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            try:
                self.beside.append(_timed(session, url, short))
            except httpx.TimeoutException:
                self.unanswered = True
                return

    def harass(self, peer: Peer, served: Served, files: Sequence[HostileFile]) -> None:
        """Post the hostile files to a fresh server, one after the other."""
        if self.fault is not None:
            return
        try:
            with peer.start(served) as (_, url):
                self.hostile = {file.name: file.try_on(url) for file in files}
        except RuntimeError as error:
            self.hostile = {file.name: str(error) for file in files}

    def figures(self) -> Row:
        """Its columns of the table, clips/s left out: times in ms, the start in s, memory in MB. It has no `fault`."""
        load = self.load.figures()
        return {
            "p50": load["p50_ms"],
            "p99": load["p99_ms"],
            "2 s alone": round(statistics.median(self.alone) * 1000),
            "beside 10 min": self._beside_figure(),
            "MB": load["peak_over_idle_mb"],
            "start s": round(statistics.median(self.starts), 1),
            **self.hostile,
        }

    def _beside_figure(self) -> int | str:
        return f"none in {BESIDE_SECONDS:.0f} s" if self.unanswered else round(statistics.median(self.beside) * 1000)

    @property
    def clips_per_second(self) -> float:
        """Under load, in all rounds."""
        return self.load.clips / self.load.seconds


def _timed(session: httpx.Client, url: str, body: bytes) -> float:
    sent = time.monotonic()
    post(session, url, body)
    return time.monotonic() - sent


def _abandoned(url: str, video: Path) -> None:
    """Post a video; the server ends before its answer, or not."""
    with suppress(httpx.HTTPError), video.open("rb") as stream:
        httpx.post(f"{url}/classify", files={"file": stream}, timeout=None)  # noqa: S113
