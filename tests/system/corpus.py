"""Videos that others made: `python -m tests.system.corpus FOLDER_OR_FILE...`.

Posts every file below to a server, and lets ffmpeg decode it too. Prints what was answered, and where the two count
other frames or only one finds a video; exit status 1 if an answer is not a documented one or the server is not well.
"""

import collections
import json as json_format
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import imageio_ffmpeg
import typer

from benchmarks.harness.report import Json

from ..support.programs import Served, serving

DOCUMENTED = {200, 415, 422}
# A busy machine may be slow; the server itself gives up on a request after ten minutes.
REQUEST_SECONDS = 660.0
FFMPEG_SECONDS = 120.0
# So that a video of less than a clip is answered too.
QUERY = {"view": "segments", "tail": "pad"}


@dataclass(frozen=True)
class Seen:
    """What one file was answered, and how many frames each found; `ffmpeg` is None where that found no video."""

    name: str
    status: int
    frames: int | None
    ffmpeg: int | None
    said: str

    @property
    def line(self) -> str:
        """It as text."""
        return f"{self.status}  {self.frames} frames, ffmpeg {self.ffmpeg}  {self.name}  {self.said}"


def files_below(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and all those in the folders named."""
    for path in paths:
        yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def frames_by_ffmpeg(path: Path) -> int | None:
    """Frames of its first video stream, as ffmpeg decodes them; None if it finds none."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(path)]
    command += ["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "null", "-"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=FFMPEG_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    counted = re.findall(rb"frame=\s*(\d+)", done.stderr)
    return int(counted[-1]) if counted and int(counted[-1]) else None


def see(client: httpx.Client, path: Path) -> Seen:
    """Post one file; status 0 if there is no answer."""
    try:
        with path.open("rb") as stream:
            answer = client.post("/classify", params=QUERY, files={"file": stream})
    except httpx.TransportError as error:
        return Seen(path.name, 0, None, frames_by_ffmpeg(path), repr(error))
    body = answer.json()
    frames = body["video"]["frames"] if answer.status_code == 200 else None
    said = ", ".join(body["warnings"]) if answer.status_code == 200 else body["detail"]
    return Seen(path.name, answer.status_code, frames, frames_by_ffmpeg(path), said)


def report(seen: Sequence[Seen]) -> dict[str, object]:
    """The counts, and a line for each file that somebody should look at."""
    answered = [each for each in seen if each.status == 200]
    return {
        "files": len(seen),
        "statuses": dict(collections.Counter(str(each.status) for each in seen)),
        "answered, and ffmpeg finds as many frames": sum(each.frames == each.ffmpeg for each in answered),
        "answered, and ffmpeg finds others": [each.line for each in answered if each.frames != each.ffmpeg],
        "refused, though ffmpeg finds frames": [each.line for each in seen if each.status != 200 and each.ffmpeg],
    }


def well(served: Served) -> bool:
    """Whether the server still answers, and logged no traceback."""
    return httpx.get(f"{served.url}/health").status_code == 200 and "Traceback" not in "".join(served.log)


def run(paths: Annotated[list[Path], typer.Argument(exists=True)], json: Json = None) -> None:
    """Post every file to a server; exit status 1 if an answer is not a documented one."""
    with serving() as served, httpx.Client(base_url=served.url, timeout=REQUEST_SECONDS) as client:
        served.wait_ready()
        seen = [see(client, path) for path in files_below(paths)]
        healthy = well(served)
    figures = json_format.dumps(report(seen), indent=1)
    if json is not None:
        json.write_text(figures)
    print(figures)
    strange = [each.line for each in seen if each.status not in DOCUMENTED]
    for line in strange:
        print(f"WRONG: {line}")
    if strange or not healthy:
        raise typer.Exit(1)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
