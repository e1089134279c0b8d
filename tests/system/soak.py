"""Hours of trouble in minutes: `python -m benchmarks.soak` (or `make soak`).

Starts the server with its limits on and sends it, from several clients at once, good and bad videos, uploads that stop
half-way, clients that leave and clients that dribble; then mutants of five codecs; then an hour of video. Fails if an
answer is not a documented one, if memory grows, or if a file, process, thread or descriptor is left.
"""

import argparse
import collections
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.support.hostile import corpus, mutants
from tests.support.videos import write_video

DOCUMENTED = {200, 400, 408, 413, 415, 422, 429}
GROWTH_BYTES = 100 << 20
DEADLINE = 30.0  # for everything but the hour of video
SERVER_DEADLINE = 300.0
DECODE_MEMORY = 512 << 20
HOUR_FRAMES = 90_000
LEFT = 0  # the status noted for a client that left before the answer
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="v"\r\n\r\n'
END = b"\r\n--b--\r\n"


class Server:
    """`r3d-serve` in a process of its own, and what it holds."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        environment = os.environ | {
            "TMPDIR": str(self.temporary),
            "R3D_REQUEST_TIMEOUT_SECONDS": str(SERVER_DEADLINE),
            "R3D_DECODE_MEMORY_BYTES": str(DECODE_MEMORY),
            "R3D_UPLOAD_TIMEOUT_SECONDS": "5",
        }
        self.log = (folder / "log").open("w+")
        command = [str(Path(sys.executable).with_name("r3d-serve")), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=self.log, env=environment)
        self.url = self._address(folder / "log")
        self.port = int(self.url.rsplit(":", 1)[1])

    def _address(self, log: Path) -> str:
        for _ in range(600):
            if found := re.search(r"http://[\d.:]+", log.read_text()):
                with suppress(httpx.TransportError):
                    if httpx.get(f"{found[0]}/health").status_code == 200:
                        return found[0]
            time.sleep(0.1)
        raise SystemExit(f"the server did not start: {log.read_text()}")

    def holds(self) -> dict[str, int]:
        """Bytes of memory (with the idle fork server's), and counts."""
        process = psutil.Process(self.process.pid)
        children = process.children(recursive=True)
        return {
            "memory": sum(each.memory_info().rss for each in [process, *children]),
            "processes": len(children),
            "threads": process.num_threads(),
            "descriptors": process.num_fds(),
            "files": sum(1 for path in self.temporary.rglob("video")),
        }

    def settle(self) -> dict[str, int]:
        """What it holds once nothing is in progress."""
        for _ in range(100):
            held = self.holds()
            if held["processes"] == 1 and held["files"] == 0:
                break
            time.sleep(0.1)
        return held


class Watcher(threading.Thread):
    """The largest resident size that any decode child reached."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.largest = 0
        self.stopped = threading.Event()
        self._server = psutil.Process(server.process.pid)

    def run(self) -> None:
        """See Thread."""
        while not self.stopped.wait(0.01):
            with suppress(psutil.Error):
                for forker in self._server.children():
                    for child in forker.children():
                        self.largest = max(self.largest, child.memory_info().rss)


Send = Callable[[Server, bytes, random.Random], int]


def whole(server: Server, content: bytes, chance: random.Random) -> int:
    answer = httpx.post(f"{server.url}/classify", files={"file": content}, timeout=SERVER_DEADLINE)
    return answer.status_code


@contextmanager
def raw(server: Server, length: int) -> Iterator[socket.socket]:
    """A connection with the head of an upload sent, `length` bytes of file to follow."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE + 30) as connection:
        size = len(HEAD) + length + len(END)
        head = "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        connection.sendall(f"{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode() + HEAD)
        yield connection


def leave_uploading(server: Server, content: bytes, chance: random.Random) -> int:
    with raw(server, len(content)) as connection:
        connection.sendall(content[: chance.randrange(len(content) + 1)])
    return LEFT


def leave_waiting(server: Server, content: bytes, chance: random.Random) -> int:
    with raw(server, len(content)) as connection:
        connection.sendall(content + END)
        time.sleep(chance.random() * 0.1)
    return LEFT


def dribble(server: Server, content: bytes, chance: random.Random) -> int:
    with raw(server, len(content)) as connection:
        try:
            for start in range(0, len(content), max(1, len(content) // 5)):
                connection.sendall(content[start : start + max(1, len(content) // 5)])
                time.sleep(chance.random() * 0.1)
            connection.sendall(END)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before its end
        with suppress(ConnectionResetError):
            answer = connection.recv(100)
            return int(answer.split()[1]) if answer else LEFT
    return LEFT


WAYS: tuple[Send, ...] = (whole, whole, whole, whole, whole, leave_uploading, leave_waiting, dribble)


def mixed(server: Server, files: list[bytes], count: int, clients: int) -> "collections.Counter[int]":
    """`count` requests from `clients` threads, each another mix."""
    statuses: collections.Counter[int] = collections.Counter()
    lock, numbers = threading.Lock(), iter(range(count))

    def client(seed: int) -> None:
        chance = random.Random(seed)
        while True:
            with lock:
                if next(numbers, None) is None:
                    return
            status = chance.choice(WAYS)(server, chance.choice(files), chance)
            with lock:
                statuses[status] += 1

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def material(folder: Path) -> list[bytes]:
    """Half good videos, half small hostile files."""
    kinds = {
        "a.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p"),
        "a.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8"),
        "a.avi": ("-c:v", "mpeg4"),
        "a.ts": ("-c:v", "mpeg2video"),
    }
    good = [write_video(folder / name, 40, codec, size=(64, 48)).read_bytes() for name, codec in kinds.items()]
    bad = [file.content for file in corpus(folder, 9, folder / "secret") if len(file.content) < 300_000]
    return good * (len(bad) // len(good)) + bad


def check(good: bool, complaint: str, complaints: list[str]) -> None:
    if not good:
        complaints.append(complaint)


def soak(server: Server, folder: Path, args: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    """Run everything; the figures and what was wrong."""
    complaints: list[str] = []
    files = material(folder)
    watcher = Watcher(server)
    watcher.start()
    started = time.monotonic()
    first = mixed(server, files, args.requests // 10, args.clients)
    before = server.settle()
    statuses = first + mixed(server, files, args.requests - args.requests // 10, args.clients)
    after = server.settle()
    seconds = time.monotonic() - started
    strange = {status for status in statuses if status not in DOCUMENTED | {LEFT}}
    check(not strange, f"undocumented: {strange}", complaints)
    check(after["memory"] - before["memory"] < GROWTH_BYTES, f"memory grew: {before} {after}", complaints)
    check(after["processes"] == 1 and after["files"] == 0, f"left over: {after}", complaints)
    check(after["threads"] <= before["threads"] + 2, f"threads grew: {before} {after}", complaints)
    check(after["descriptors"] <= before["descriptors"] + 5, f"descriptors grew: {before} {after}", complaints)
    damaged, slowest = damage(server, folder, args.mutants)
    check(set(damaged) <= {200, 415, 422}, f"mutants: {damaged}", complaints)
    check(slowest < DEADLINE, f"slowest mutant: {slowest:.1f} s", complaints)
    hour = an_hour(server, folder) if args.hour else {}
    check(hour.get("status", 200) == 200, f"an hour of video: {hour}", complaints)
    watcher.stopped.set()
    figures: dict[str, object] = {
        "requests": args.requests,
        "clients": args.clients,
        "seconds": round(seconds, 1),
        "statuses": {str(status or "left"): count for status, count in sorted(statuses.items())},
        "memory_growth_mb": round((after["memory"] - before["memory"]) / 1e6, 1),
        "after": after,
        "mutants": {str(status): count for status, count in sorted(damaged.items())},
        "slowest_mutant_seconds": round(slowest, 2),
        "largest_decode_child_mb": round(watcher.largest / 1e6),
        "hour": hour,
    }
    return figures, complaints


def damage(server: Server, folder: Path, count: int) -> tuple["collections.Counter[int]", float]:
    """Statuses of `count` mutants, and the slowest answer's seconds."""
    statuses: collections.Counter[int] = collections.Counter()
    slowest = 0.0
    for content in mutants(folder, count, seed=1):
        started = time.monotonic()
        statuses[whole(server, content, random.Random(0))] += 1
        slowest = max(slowest, time.monotonic() - started)
    return statuses, slowest


def an_hour(server: Server, folder: Path) -> dict[str, object]:
    """An hour of video of 16 x 16 pixels."""
    video = write_video(folder / "hour.mp4", HOUR_FRAMES, size=(16, 16)).read_bytes()
    before = server.holds()["memory"]
    started = time.monotonic()
    status = whole(server, video, random.Random(0))
    seconds = time.monotonic() - started
    return {
        "status": status,
        "seconds": round(seconds, 1),
        "growth_mb": round((server.settle()["memory"] - before) / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--mutants", type=int, default=2_000)
    parser.add_argument("--no-hour", dest="hour", action="store_false", help="leave out the hour of video")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name))
        try:
            figures, complaints = soak(server, Path(name), args)
        finally:
            server.process.terminate()
            server.process.wait(60)
        leftovers = [str(path) for path in server.temporary.iterdir()]
        check(not leftovers, f"left after the end: {leftovers}", complaints)
        check("Traceback" not in (Path(name) / "log").read_text(), "a traceback is in the server's log", complaints)
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1))
        print(json.dumps(figures, indent=1))
        if complaints:
            print((Path(name) / "log").read_text()[-3000:])
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
