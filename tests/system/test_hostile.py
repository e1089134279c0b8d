"""Hostile files through the real service: the documented answer, at once alive again, nothing read or fetched."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.settings import Settings

from ..support.hostile import Hostile, corpus, mutants
from ..support.live_server import LiveServer

DEADLINE = 20.0
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
MEMORY = 512 << 20


@contextmanager
def trap() -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback that nobody should call: its port, and who did."""
    calls: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

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
        yield port, calls
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture(scope="module")
def live(model_directory: Path) -> Iterator[LiveServer]:
    settings = Settings(
        model=model_directory, max_frames=2000, request_timeout_seconds=DEADLINE, decode_memory_bytes=MEMORY
    )
    with LiveServer(settings) as server:
        server.wait_ready()
        yield server


def healthy(live: LiveServer) -> None:
    started = time.monotonic()
    assert live.client.get("/health").status_code == 200
    assert time.monotonic() - started < 1


@pytest.mark.timeout(240)
def test_the_corpus(live: LiveServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    wrong: list[str] = []
    with trap() as (port, calls):
        files = list(corpus(tmp_path, port, secret))
        assert len(files) > 70
        for file in files:
            started = time.monotonic()
            answer = live.post(file.content)
            seconds = time.monotonic() - started
            if answer.status_code not in file.statuses or seconds > DEADLINE or b"secret" in answer.content:
                wrong.append(f"{file.name}: {answer.status_code} in {seconds:.1f} s: {answer.text[:300]}")
            healthy(live)
    assert wrong == []
    assert calls == []


def test_damage_in_the_middle_is_partial(live: LiveServer, tmp_path: Path) -> None:
    with_damage = [file for file in corpus(tmp_path, 9, tmp_path / "x") if "damaged in the middle" in file.name]
    assert len(with_damage) == 2
    for file in with_damage:
        video = live.post(file.content).json()["video"]
        assert 32 <= video["frames"] <= 96, file.name
        # MPEG-TS is made for losses: FFmpeg reports none there, it goes on with the next packet.
        assert video["partial"] is file.name.startswith("faststart")


@pytest.mark.timeout(240)
def test_mutants(live: LiveServer, tmp_path: Path) -> None:
    for number, content in enumerate(mutants(tmp_path, 150, seed=7)):
        started = time.monotonic()
        answer = live.post(content)
        assert answer.status_code in (200, 415, 422), (number, answer.text)
        assert time.monotonic() - started < DEADLINE
    healthy(live)


@pytest.mark.skipif(
    shutil.which("strace") is None,
    reason="strace is missing: apt-get install strace",
)
def test_a_child_opens_its_own_file_and_nothing_else(model_directory: Path, tmp_path: Path) -> None:
    """Under strace: after its fork, the child opens the upload only, and tries no connection."""
    folder = tmp_path / "files"
    folder.mkdir()
    wanted = (
        "external reference to a file",
        "sdp with ftyp",
        "playlist in a TS packet",
        "rotated",
        "size change in mid-stream",
    )
    files: list[Hostile] = [file for file in corpus(folder, 9, tmp_path / "secret") if file.name in wanted]
    assert len(files) == len(wanted)
    paths = [tmp_path / f"upload-{index}" for index in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file.content)
    log = tmp_path / "strace"
    program = [str(Path(sys.executable).with_name("r3d-classify")), "--model", str(model_directory), "--json"]
    tracer = [
        str(shutil.which("strace")),
        "-f",
        "-ff",
        "-e",
        "trace=%file,%network,execve,fork,vfork,clone,clone3",
        "-o",
        str(log),
    ]
    subprocess.run([*tracer, *program, *map(str, paths)], capture_output=True, timeout=110, check=False)
    traces = [trace.read_text() for trace in tmp_path.glob("strace.*")]
    for path in paths:
        opened = f'"{path}"'
        # The program itself looks at every file first; a child knows one.
        others = [f'"{other}"' for other in paths if other != path]
        [child] = [trace for trace in traces if opened in trace and not any(other in trace for other in others)]
        lines = [line for line in child.splitlines() if "(" in line and not line.startswith(("+++", "---"))]
        named = [line for line in lines if line.startswith(PATH_CALLS) and "AT_EMPTY_PATH" not in line]
        files_used = [line for line in named if " = -1 " not in line]
        assert files_used
        assert all(opened in line for line in files_used), [line for line in files_used if opened not in line]
        # Threads may be made, processes not.
        calls = {line.split("(")[0] for line in lines if "CLONE_THREAD" not in line and " = -1 ENOSYS" not in line}
        assert calls.isdisjoint({"socket", "connect", "execve", "clone", "clone3", "fork", "vfork"}), calls
