"""Hostile files through the real service: the documented answer, at once alive again, nothing read or fetched.

The network is stood in for: whatever the file, it sees clips of one shape.
"""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.decoding.spare import WORKING
from service.settings import Settings

from ..support.hostile import Hostile, corpus, mutants
from ..support.live_server import StubServer
from ..support.programs import program

DEADLINE = 20.0
HEALTH_SECONDS = 1.0
AT_ONCE = 4
PATH_CALLS = (
    "open",
    "stat",
    "lstat",
    "newfstatat",
    "access",
    "faccessat",
    "readlink",
    "unlink",
    "mkdir",
    "rename",
    "statx",
)
TRACED = (
    "external reference to a file",
    "sdp with ftyp",
    "playlist in a TS packet",
    "rotated",
    "size change in mid-stream",
)
MEMORY = 512 << 20
SECRET = b"secret"


@dataclass(frozen=True)
class Trap:
    """The hostile files, and a server on loopback that they name and nobody should call: who did."""

    files: list[Hostile]
    calls: list[bytes]


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    folder = tmp_path_factory.mktemp("hostile")
    secret = folder / "secret.txt"
    secret.write_bytes(SECRET)
    calls: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    calls.append(connection.recv(1000))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield Trap(list(corpus(folder, listener.getsockname()[1], secret)), calls)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture(scope="module")
def live(model_directory: Path) -> Iterator[StubServer]:
    settings = Settings(
        model=model_directory, max_frames=2000, request_timeout_seconds=DEADLINE, decode_memory_bytes=MEMORY
    )
    with StubServer(settings) as server:
        yield server


def complaints_of(live: StubServer, files: Iterable[Hostile]) -> list[str]:
    """Send the files, several at once, and ask for the health after each; what was not as it should be."""

    def send(file: Hostile) -> Iterator[str]:
        started = time.monotonic()
        answer = live.post(file.content)
        seconds = time.monotonic() - started
        if answer.status_code not in file.statuses or seconds > DEADLINE or SECRET in answer.content:
            yield f"{file.name}: {answer.status_code} in {seconds:.1f} s: {answer.text[:300]}"
        started = time.monotonic()
        health = live.client.get("/health").status_code
        seconds = time.monotonic() - started
        if health != 200 or seconds > HEALTH_SECONDS:
            yield f"{file.name}: health {health} in {seconds:.1f} s"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [complaint for found in threads.map(lambda file: list(send(file)), files) for complaint in found]


@pytest.mark.timeout(240)
def test_the_corpus(live: StubServer, trap: Trap) -> None:
    assert len(trap.files) > 70
    assert complaints_of(live, trap.files) == []
    assert trap.calls == []


def test_damage_in_the_middle_is_partial(live: StubServer, trap: Trap) -> None:
    with_damage = [file for file in trap.files if "damaged in the middle" in file.name]
    assert len(with_damage) == 2
    for file in with_damage:
        video = live.post(file.content).json()["video"]
        assert 32 <= video["frames"] <= 96, file.name
        assert video["partial"] is True, file.name


@pytest.mark.timeout(240)
def test_mutants(live: StubServer, tmp_path: Path) -> None:
    statuses = frozenset({200, 415, 422})
    files = [Hostile(f"mutant {number}", content, statuses) for number, content in enumerate(mutants(tmp_path, 150, 7))]
    assert complaints_of(live, files) == []


def traced(folder: Path, paths: list[Path], model: Path) -> list[str]:
    """What strace tells of each process and thread of `r3d-classify` on these files."""
    calls = "trace=%file,%network,execve,fork,vfork,clone,clone3,prctl,exit_group"
    tracer = ["strace", "-f", "-ff", "-e", calls, "-o", str(folder / "strace")]
    classify = [program("r3d-classify"), "--model", str(model), "--json"]
    subprocess.run([*tracer, *classify, *map(str, paths)], capture_output=True, timeout=110, check=False)
    return [trace.read_text() for trace in folder.glob("strace.*")]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing: apt-get install strace")
def test_a_child_with_a_video_opens_no_file_and_no_connection(
    model_directory: Path, tmp_path: Path, trap: Trap
) -> None:
    """Under strace: from when it is given the open upload, and with it a name of its own."""
    files = [file for file in trap.files if file.name in TRACED]
    assert len(files) == len(TRACED)
    paths = [tmp_path / f"upload-{index}" for index in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file.content)
    given = f'PR_SET_NAME, "{WORKING}"'
    children = [trace.partition(given)[2] for trace in traced(tmp_path, paths, model_directory) if given in trace]
    assert len(children) == len(paths)
    for child in children:
        lines = [line for line in child.splitlines()[1:] if "(" in line and not line.startswith(("+++", "---"))]
        assert lines, "it ends, at least"
        named = [line for line in lines if line.startswith(PATH_CALLS) and "AT_EMPTY_PATH" not in line]
        assert [line for line in named if " = -1 " not in line] == []
        # Threads may be made, processes not.
        calls = {line.split("(")[0] for line in lines if "CLONE_THREAD" not in line and " = -1 ENOSYS" not in line}
        assert calls.isdisjoint({"socket", "connect", "execve", "clone", "clone3", "fork", "vfork"}), calls
