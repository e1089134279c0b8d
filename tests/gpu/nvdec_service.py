"""The service with NVDEC, over HTTP, on a machine with an NVIDIA GPU: `python -m tests.gpu.nvdec_service COMMAND`.

`make` needs no GPU: it makes the hostile files that `hostile` sends, as FFmpeg's program may not be on that machine.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer

from benchmarks.harness.load import service
from benchmarks.harness.metrics import samples
from benchmarks.harness.models import build_full_size
from benchmarks.harness.report import Videos
from service.settings import DecoderChoice

from ..support import hostile as files
from ..support.recipe import GOLDEN
from .golden import build
from .nvdec_decoding import gpu_megabytes

AT_ONCE = 12
SECONDS = 120.0

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def make(folder: Annotated[Path, typer.Argument(file_okay=False)], mutants: int = 500) -> None:
    """Write the hostile files, with the answers they may get, and mutants."""
    folder.mkdir(parents=True)
    allowed: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as name:
        found = [(file.content, file.statuses) for file in files.corpus(Path(name), 9, Path(name) / "secret")]
        found += [(content, files.ANY) for content in files.mutants(Path(name), mutants, seed=17)]
    for number, (content, statuses) in enumerate(found):
        (folder / f"{number}.bin").write_bytes(content)
        allowed[f"{number}.bin"] = sorted(statuses)
    (folder / "allowed.json").write_text(json.dumps(allowed))


@contextmanager
def served(model: Path, decoder: DecoderChoice, precision: str) -> Iterator[str]:
    """The URL of a service."""
    environment = {
        "R3D_BACKEND": "onnxruntime",
        "R3D_PRECISION": precision,
        "R3D_DECODER": decoder,
        "R3D_MAX_FRAMES": "2000",
        "R3D_QUEUE_CLIPS": "1024",
        # What FFmpeg makes of a damaged frame depends on how many threads decode it: one, always.
        "R3D_DECODE_WORKERS": "1",
    }
    with service(model, **environment) as (_, url):
        yield url


def _answers(url: str, folder: Path) -> dict[str, tuple[int, object]]:
    """Each file's status, and what was found in it: the same whoever decoded it."""

    def one(path: Path) -> tuple[int, object]:
        answer = client.post(f"{url}/classify", content=path.read_bytes(), headers={"Content-Type": "video/mp4"})
        body = answer.json()
        if answer.status_code != 200:
            return answer.status_code, body["type"]
        return 200, ("partial" in body["warnings"], [(clip["start_frame"], clip["label"]) for clip in body["clips"]])

    paths = sorted(folder.glob("*.bin"))
    with httpx.Client(timeout=SECONDS) as client, ThreadPoolExecutor(AT_ONCE) as threads:
        return {path.name: answer for path, answer in zip(paths, threads.map(one, paths), strict=True)}


@app.command()
def hostile(folder: Path, model: Path | None = None, again: int = 2) -> None:
    """Send the hostile files, `again` times: documented answers, those of the CPU, the service up, memory as before."""
    allowed = json.loads((folder / "allowed.json").read_text())
    with tempfile.TemporaryDirectory() as name:
        model = model or build_full_size(Path(name), precisions=("fp32", "fp16"))[1]
        with served(model, "cpu", "fp16") as url:
            wanted = _answers(url, folder)
        with served(model, "nvdec", "fp16") as url:
            memory, complaints = [gpu_megabytes()], []
            for _ in range(again):
                found = _answers(url, folder)
                complaints += [
                    f"{name}: {found[name]}, by the CPU {wanted[name]}"
                    for name in allowed
                    if found[name] != wanted[name] or found[name][0] not in allowed[name]
                ]
                memory.append(gpu_megabytes())
            health = httpx.get(f"{url}/health").json()
            told = {
                name: value for name, value in samples(url).items() if name.startswith(("r3d_videos_", "r3d_nvdec"))
            }
    print(Counter(status for status, _ in found.values()), "GPU memory, MB:", memory, flush=True)
    print("health:", health["status"], health["nvdec"], health["nvdec_reason"], json.dumps(told), flush=True)
    print("\n".join(complaints) or "no complaint", flush=True)
    raise SystemExit(1 if complaints else 0)


@app.command()
def golden(videos: Videos) -> None:
    """The recipe's r3d_18 in fp32, each video decoded by NVDEC, beside torchvision's probabilities."""
    with np.load(GOLDEN / "r3d_18_seed0.npz") as archive:
        expected = dict(archive)
    with (
        tempfile.TemporaryDirectory() as name,
        served(build("r3d_18", Path(name)), "nvdec", "fp32") as url,
        httpx.Client(timeout=SECONDS) as client,
    ):
        for video in videos:
            wanted = expected.get(f"probs:{video.name}")
            if wanted is None:
                continue
            answer = client.post(f"{url}/classify?top_k=400", files={"file": video.read_bytes()}).json()
            found = np.array([_by_label(clip) for clip in answer["clips"]])
            same = int((found.argmax(1) == wanted.argmax(1)).sum())
            apart = float(np.abs(found - wanted).max())
            told = f"{apart:.4f} apart at most, top-1 the same in {same} of {len(wanted)} clips"
            print(video.name, answer["timing"]["decoder"], told, flush=True)


def _by_label(clip: dict[str, Any]) -> list[float]:
    """A clip's probabilities, in the order of the labels."""
    return [each["probability"] for each in sorted(clip["top"], key=lambda each: each["label_index"])]


if __name__ == "__main__":
    app()
