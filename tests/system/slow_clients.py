"""Good requests among clients that hold the door: `python -m tests.system.slow_clients`.

Starts a server as it is by default, and posts videos to it, first alone, then while a crowd of slow clients is there
that come back whenever they are thrown out. Prints how long the good requests took and how long the slow clients were
let stay; exit status 1 if a good one was refused, or a slow one stayed longer than a minute.
"""

import collections
import json
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from ..support.programs import Served, serving
from ..support.slow_crowd import PAUSE_SECONDS, SlowCrowd
from ..support.videos import write_video

GOOD_CLIENTS = 10
STAY_SECONDS = 60.0
# By then the slow uploads have taken what places they can.
SETTLE_SECONDS = PAUSE_SECONDS + 1
Answers = list[tuple[int, float]]  # status, seconds


def post_for(served: Served, content: bytes, seconds: float, clients: int) -> Answers:
    """Good clients that post one after the other, each over a connection of its own."""
    answers: Answers = []
    until = time.monotonic() + seconds

    def client() -> None:
        with httpx.Client(base_url=served.url, timeout=120) as session:
            while (started := time.monotonic()) < until:
                status = session.post("/classify", files={"file": content}).status_code
                answers.append((status, time.monotonic() - started))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def times(answers: Answers) -> dict[str, Any]:
    """What a report says of them."""
    seconds = [taken for _, taken in answers]
    return {
        "statuses": dict(collections.Counter(str(status) for status, _ in answers)),
        "median_seconds": round(statistics.median(seconds), 3),
        "p95_seconds": round(statistics.quantiles(seconds, n=20)[-1], 3),
    }


def trial(
    slow: int, good: int, seconds: float, video: bytes, arguments: Sequence[str] = (), queue_clips: int = 256
) -> tuple[dict[str, Any], list[str]]:
    """Figures, and what was wrong. `arguments` are the server's; it has a place for every 4 of `queue_clips`."""
    with serving(*arguments, R3D_QUEUE_CLIPS=str(queue_clips)) as served:
        served.wait_ready()
        post_for(served, video, seconds / 10, good)
        alone = post_for(served, video, seconds, good)
        crowd = SlowCrowd(served.port, slow, SETTLE_SECONDS + seconds)
        crowd.start()
        time.sleep(SETTLE_SECONDS)
        beside = post_for(served, video, seconds, good)
        crowd.join()
        answered = served.post(video).status_code
        statuses = collections.Counter(visit.answer[9:12].decode() or "none" for visit in crowd.visits)
    longest = crowd.longest()
    figures = {
        "slow_clients": slow,
        "visits": len(crowd.visits),
        "answers_to_them": dict(statuses),
        "longest_visit_seconds": {kind: round(stay, 1) for kind, stay in longest.items()},
        "alone": times(alone),
        "beside_them": times(beside),
    }
    complaints = []
    if {status for status, _ in alone + beside} | {answered} != {200}:
        complaints.append("a good request was refused")
    if max(longest.values()) > STAY_SECONDS:
        complaints.append(f"a slow client stayed for {max(longest.values()):.0f} s")
    if min(longest.values()) == 0:
        complaints.append("of one kind, nobody came in")
    return figures, complaints


def run(
    slow: Annotated[int, typer.Option(min=3, help="Slow clients, a third of each kind.")] = 500,
    seconds: Annotated[float, typer.Option(min=1, help="Time for good requests alone, and beside the slow.")] = 75.0,
    content: Annotated[Path | None, typer.Option("--video", help="What good clients post.")] = None,
) -> None:
    """Print the figures as JSON."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * slow + 200, hard), hard))
    with tempfile.TemporaryDirectory() if content is None else nullcontext() as folder:
        path = content or write_video(Path(str(folder)) / "good.mp4", 64)
        figures, complaints = trial(slow, GOOD_CLIENTS, seconds, path.read_bytes())
    print(json.dumps(figures, indent=1))
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    if complaints:
        raise typer.Exit(1)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
