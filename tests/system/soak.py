"""Hours of trouble in minutes: `python -m tests.system.soak` (or `make soak`).

Starts the server with its limits on and sends it, from several clients at once, good and bad videos, uploads that stop
half-way, clients that leave and clients that send slowly; then mutants of five codecs; then an hour of video. Fails if
an answer is not a documented one, if memory grows, or if a file, process, thread or descriptor is left.
"""

import collections
import json as json_format
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness.report import Json

from ..support import hostile
from ..support.videos import write_video
from .soak_clients import LEFT, Statuses, mixed, post
from .soak_server import IDLE_PROCESSES, DecodeMemory, Server

DOCUMENTED = {200, 400, 408, 413, 415, 422, 429}
GROWTH_BYTES = 100 << 20
MUTANT_SECONDS = 30.0
HOUR_FRAMES = 90_000
CODECS = {
    "a.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p"),
    "a.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8"),
    "a.avi": ("-c:v", "mpeg4"),
    "a.ts": ("-c:v", "mpeg2video"),
}


@dataclass
class Findings:
    """What was measured, and what was wrong."""

    figures: dict[str, object] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def check(self, good: bool, complaint: str) -> None:
        """Note a complaint, unless all is good."""
        if not good:
            self.complaints.append(complaint)


def material(folder: Path) -> list[bytes]:
    """Files to send: half of them good videos, half small hostile ones."""
    good = [write_video(folder / name, 40, codec, size=(64, 48)).read_bytes() for name, codec in CODECS.items()]
    bad = [file.content for file in hostile.corpus(folder, 9, folder / "secret") if len(file.content) < 300_000]
    return good * (len(bad) // len(good)) + bad


def counted(statuses: Statuses) -> dict[str, int]:
    """How often each status came, by name."""
    return {"left" if status == LEFT else str(status): count for status, count in sorted(statuses.items())}


def soak_mixed(server: Server, files: list[bytes], requests: int, clients: int, findings: Findings) -> None:
    """Requests of every kind; after a tenth of them, the server must hold what it will hold at the end."""
    started = time.monotonic()
    statuses = mixed(server, files, requests // 10, clients)
    before = server.settle()
    statuses += mixed(server, files, requests - requests // 10, clients)
    after = server.settle()
    growth = after["memory"] - before["memory"]
    findings.figures |= {
        "requests": requests,
        "clients": clients,
        "seconds": round(time.monotonic() - started, 1),
        "statuses": counted(statuses),
        "memory_growth_mb": round(growth / 1e6, 1),
        "after": after,
    }
    strange = set(statuses) - DOCUMENTED - {LEFT}
    findings.check(not strange, f"undocumented: {strange}")
    findings.check(growth < GROWTH_BYTES, f"memory grew: {before} {after}")
    findings.check(after["processes"] == IDLE_PROCESSES and after["files"] == 0, f"left over: {after}")
    findings.check(after["threads"] <= before["threads"] + 2, f"threads grew: {before} {after}")
    findings.check(after["descriptors"] <= before["descriptors"] + 5, f"descriptors grew: {before} {after}")


def soak_mutants(server: Server, folder: Path, count: int, findings: Findings) -> None:
    """Damaged videos, one after the other; each must be answered soon."""
    statuses: Statuses = collections.Counter()
    slowest = 0.0
    for content in hostile.mutants(folder, count, seed=1):
        started = time.monotonic()
        statuses[post(server, content)] += 1
        slowest = max(slowest, time.monotonic() - started)
    findings.figures |= {"mutants": counted(statuses), "slowest_mutant_seconds": round(slowest, 2)}
    findings.check(set(statuses) <= {200, 415, 422}, f"mutants: {statuses}")
    findings.check(slowest < MUTANT_SECONDS, f"slowest mutant: {slowest:.1f} s")


def soak_hour(server: Server, folder: Path, findings: Findings) -> None:
    """An hour of video of 16 x 16 pixels."""
    video = write_video(folder / "hour.mp4", HOUR_FRAMES, size=(16, 16)).read_bytes()
    before = server.holds()["memory"]
    started = time.monotonic()
    status = post(server, video)
    seconds = round(time.monotonic() - started, 1)
    growth = round((server.settle()["memory"] - before) / 1e6)
    findings.figures["hour"] = {"status": status, "seconds": seconds, "growth_mb": growth}
    findings.check(status == 200, f"an hour of video: {status}")


def soak(requests: int, clients: int, mutant_count: int, hour: bool, folder: Path) -> tuple[Findings, str]:
    """Run everything; the findings and the server's log."""
    findings = Findings()
    server = Server(folder)
    try:
        memory = DecodeMemory(server)
        memory.start()
        soak_mixed(server, material(folder), requests, clients, findings)
        soak_mutants(server, folder, mutant_count, findings)
        if hour:
            soak_hour(server, folder, findings)
        findings.figures["largest_decode_child_mb"] = round(memory.stop() / 1e6)
    finally:
        server.stop()
    leftovers = [str(path) for path in server.temporary.iterdir()]
    findings.check(not leftovers, f"left after the end: {leftovers}")
    findings.check("Traceback" not in server.log, "a traceback is in the server's log")
    return findings, server.log


def run(
    requests: Annotated[int, typer.Option(help="Requests of all clients.")] = 10_000,
    clients: Annotated[int, typer.Option(min=1, help="Clients that send at the same time.")] = 16,
    mutants: Annotated[int, typer.Option(help="Damaged videos sent after that.")] = 2_000,
    no_hour: Annotated[bool, typer.Option("--no-hour", help="Leave out the hour of video.")] = False,
    json: Json = None,
) -> None:
    """Send good and bad requests of every kind to a server; exit status 1 if anything is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        findings, log = soak(requests, clients, mutants, not no_hour, Path(folder))
    figures = json_format.dumps(findings.figures, indent=1)
    if json is not None:
        json.write_text(figures)
    print(figures)
    if findings.complaints:
        print(log[-3000:])
    for complaint in findings.complaints:
        print(f"WRONG: {complaint}")
    if findings.complaints:
        raise typer.Exit(1)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
