"""Jobs while servers are killed: `python -m tests.system.jobs_crash`.

Two servers share a database, and every few seconds one of them is killed by SIGKILL and started again. Clients send
jobs, again with the same key whenever they are not sure. Fails if a job is missing, is there twice, has no answer or
another than a request for the same video, or was finished twice.
"""

import collections
import itertools
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from ..support import object_store
from ..support.object_store import ObjectStore
from ..support.postgresql import binaries, running
from ..support.programs import program
from ..support.videos import write_video
from ..support.waiting import eventually

KINDS = 4
CLIENTS = 4
START_SECONDS = 90.0
LONGEST_SECONDS = 1800.0
ADDRESS = re.compile(r"ready: (http://[\d.:]+)")
SUCCEEDED = re.compile(r"job (\S+): succeeded")
ASYNC = {"Prefer": "respond-async", "Content-Type": "video/mp4"}
# Answers of this backend and precision are the same each time.
PLAIN = {"R3D_BACKEND": "openvino", "R3D_PRECISION": "fp32", "R3D_CPU_THREADS": "1", "R3D_DRAIN_SECONDS": "1"}


class Replica:
    """A server that may be killed and started again; each start has a log of its own."""

    def __init__(self, folder: Path, name: str, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.kills = 0
        self._folder = folder
        self._name = name
        self._command = [program("r3d-serve"), "--port", "0", *arguments]
        self._environment = os.environ | PLAIN | environment
        self._logs: list[Path] = []
        self.start()

    def start(self) -> None:
        self._logs.append(self._folder / f"{self._name}-{len(self._logs)}.log")
        with self._logs[-1].open("w") as log:
            self._process = subprocess.Popen(self._command, stderr=log, env=self._environment)

    def url(self) -> str | None:
        """Where it answers; None while it starts."""
        found = ADDRESS.search(self._logs[-1].read_text())
        return found and found[1]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.kills += 1

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Of all starts."""
        return "".join(each.read_text() for each in self._logs)


class Replicas:
    """Asks whichever server is there."""

    def __init__(self, replicas: list[Replica]) -> None:
        self.all = replicas

    def ask(self, ask: Callable[[str], httpx.Response]) -> httpx.Response:
        """The first answer that is none of a server that cannot; a request may have been made several times."""
        deadline = time.monotonic() + LONGEST_SECONDS
        for replica in itertools.cycle(self.all):
            assert time.monotonic() < deadline, "no server answers"
            if (url := replica.url()) is not None:
                try:
                    answer = ask(url)
                except httpx.TransportError:
                    continue
                if answer.status_code not in (429, 503):
                    return answer
            time.sleep(0.05)
        raise AssertionError


@contextmanager
def killing(replicas: list[Replica], seconds: float) -> Iterator[None]:
    """When all have answered for so many seconds one is killed, in turn, and started again, as long as the block lasts.

    One that starts is not killed: on a busy machine none would ever be there.
    """
    over = threading.Event()

    def kill() -> None:
        for replica in itertools.cycle(replicas):
            while not all(each.url() for each in replicas):
                if over.wait(0.1):
                    return
            if over.wait(seconds):
                return
            replica.kill()
            replica.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "timing"}


def send(replicas: Replicas, video: bytes, number: int) -> str:
    """A job's id."""
    headers = ASYNC | {"Idempotency-Key": f"job-{number}"}
    answer = replicas.ask(lambda url: httpx.post(f"{url}/v1/classify", content=video, headers=headers, timeout=60))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def result(replicas: Replicas, job: str) -> dict[str, Any]:
    """What is told of a job once it is over."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        answer = replicas.ask(lambda url: httpx.get(f"{url}/v1/jobs/{job}?wait=10", timeout=60))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if found["status"] in ("succeeded", "failed"):
            return found
        assert time.monotonic() < deadline, found


def trial(
    jobs: int,
    seconds: float,
    folder: Path,
    arguments: tuple[str, ...],
    jobs_url: str | None,
    store: ObjectStore | None = None,
) -> dict[str, Any]:
    """Figures, and `complaints`, of which there should be none. Without `jobs_url` SQLite; all of it in `folder`."""
    videos = [
        write_video(folder / f"{kind}.mp4", 40 + 8 * kind, size=(64 + 16 * kind, 48)).read_bytes()
        for kind in range(KINDS)
    ]
    environment = {"R3D_JOBS_DIR": str(folder / "jobs")} | ({"R3D_JOBS": jobs_url} if jobs_url else {})
    if store is not None:
        environment |= store.environment | {"R3D_JOBS_VIDEOS": store.videos}
    with ExitStack() as stack:
        servers = []
        for name in ("a", "b"):
            servers.append(Replica(folder, name, arguments, environment))
            stack.callback(servers[-1].stop)
        replicas = Replicas(servers)
        eventually(lambda: all(each.url() for each in servers), START_SECONDS)
        direct = [httpx.post(f"{servers[0].url()}/v1/classify", files={"file": each}, timeout=60) for each in videos]
        expected = [untimed(each.json()) for each in direct]
        started = time.monotonic()
        with killing(servers, seconds), ThreadPoolExecutor(CLIENTS) as clients:
            sent = list(clients.map(lambda number: send(replicas, videos[number % KINDS], number), range(jobs)))
            again = list(clients.map(lambda number: send(replicas, videos[number % KINDS], number), range(0, jobs, 7)))
            done = list(clients.map(lambda job: result(replicas, job), sent))
        took = time.monotonic() - started
        log = servers[0].log() + servers[1].log()
    finished = collections.Counter(SUCCEEDED.findall(log))
    statuses = collections.Counter(each["status"] for each in done)
    wrong = [
        each["id"]
        for number, each in enumerate(done)
        if each["result"] is None or untimed(each["result"]) != expected[number % KINDS]
    ]
    left = list((folder / "jobs" / "videos").iterdir()) if store is None else store.keys()
    complaints = [
        *([f"{jobs - len(set(sent))} jobs are the same"] if len(set(sent)) != jobs else []),
        *(["sent again, they were others"] if again != sent[::7] else []),
        *([f"not succeeded: {statuses}"] if statuses.keys() != {"succeeded"} else []),
        *([f"wrong answers: {wrong}"] if wrong else []),
        *([f"finished twice: {twice}"] if (twice := [job for job, count in finished.items() if count > 1]) else []),
    ]
    return {
        "jobs": jobs,
        "seconds": round(took, 1),
        "kills": sum(each.kills for each in servers),
        "statuses": dict(statuses),
        "attempts given up": log.count("jobs of a server that is lost"),
        "videos left": len(left),
        "complaints": complaints,
    }


def main(
    jobs: Annotated[int, typer.Option(min=1)] = 500,
    kill_every: Annotated[float, typer.Option(help="Seconds.")] = 5.0,
    postgresql: Annotated[bool, typer.Option(help="And not SQLite.")] = False,
    bucket: Annotated[bool, typer.Option(help="For the videos, and not a folder.")] = False,
) -> None:
    """Prints the figures, and ends with 1 if there is something to complain about."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = None
        if postgresql:
            programs = binaries()
            assert programs is not None, "PostgreSQL is not installed"
            url = stack.enter_context(running(programs)).database()
        store = stack.enter_context(object_store.running()) if bucket else None
        figures = trial(jobs, kill_every, folder, (), url, store)
    print(json.dumps(figures, indent=1))
    raise typer.Exit(bool(figures["complaints"]))


if __name__ == "__main__":
    typer.run(main)
