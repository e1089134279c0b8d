"""Clients of a service that is being restarted: r3d-classify over an archive, the Python client, and curl."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from r3d.client import Client, ClientError, ResultEvent

from ..support.programs import json_lines, program
from ..support.waiting import eventually

# Names that an archive's list is ahead of its results.
AHEAD = 3
PATIENCE = 60.0
FINISHING_SECONDS = 120.0


@dataclass
class Tally:
    """Files that were answered, and what went wrong with others."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """Where a client asks and what it sends, until `over` is set; `folder` is its own."""

    url: str
    video: Path
    folder: Path
    authority: Path  # of the proxy's certificate
    over: threading.Event


def _copies(setting: Setting) -> Iterator[Path]:
    """The same video under one name after the other, as long as it goes on."""
    number = 0
    while not setting.over.is_set():
        copy = setting.folder / f"{number}.mp4"
        copy.symlink_to(setting.video)
        yield copy
        number += 1


def archive(setting: Setting) -> Tally:
    """`r3d-classify` over a list that goes on; a file that has no line in the end is lost."""
    out, tally = setting.folder / "out.jsonl", Tally()
    command = [program("r3d-classify"), "--server", setting.url, "--from", "-", "--out", str(out), "--jobs", "1"]
    listed: list[str] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stderr is not None

        def room() -> bool:
            return setting.over.is_set() or process.poll() is not None or len(listed) - _lines(out) < AHEAD

        for copy in _copies(setting):
            listed.append(str(copy))
            print(copy, file=process.stdin, flush=True)
            eventually(room, FINISHING_SECONDS)
            if process.poll() is not None:
                break
        process.stdin.close()
        status, said = process.wait(FINISHING_SECONDS), process.stderr.read()
    found = {line["file"]: line for line in json_lines(out)}
    tally.answered = sum("result" in line for line in found.values())
    tally.failures = [json.dumps(line) for line in found.values() if "result" not in line]
    tally.failures += [f"{name} is lost" for name in listed if name not in found]
    if status:
        tally.failures.append(f"r3d-classify ended with {status}: {said}")
    return tally


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _asked(setting: Setting, ask: Callable[[Client, Path], bool]) -> Tally:
    tally = Tally()
    with Client(setting.url, patience=PATIENCE) as client:
        for copy in _copies(setting):
            try:
                tally.answered += ask(client, copy)
            except ClientError as error:
                tally.failures.append(f"{copy}: {error!r}")
    return tally


def python(setting: Setting) -> Tally:
    """`Client.classify`, patient."""
    return _asked(setting, lambda client, copy: bool(client.classify(copy).clips))


def live(setting: Setting) -> Tally:
    """`Client.events`, patient until the first clip is there."""
    return _asked(setting, lambda client, copy: isinstance(list(client.events(copy))[-1], ResultEvent))


def curl(setting: Setting) -> Tally:
    """`curl --retry 5`."""
    tally = Tally()
    for copy in _copies(setting):
        asked = ["--retry", "5", "-F", f"file=@{copy}", f"{setting.url}/classify"]
        command = ["curl", "-s", "--cacert", str(setting.authority), "-w", "%{stderr}%{http_code}", *asked]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FINISHING_SECONDS, check=False)
        # It says the status of every try; its answer is the last try's.
        if done.returncode == 0 and done.stderr.endswith("200"):
            tally.answered += 1
        else:
            tally.failures.append(f"{copy}: curl ended with {done.returncode}, {done.stderr}: {done.stdout[-500:]}")
    return tally


KINDS = {"archive": archive, "python": python, "live": live, "curl": curl}
