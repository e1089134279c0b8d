"""NVDEC beside the CPU, on a machine with both: `python -m tests.gpu.nvdec COMMAND FOLDER`.

FOLDER holds videos, such as those of `python -m tests.support.nvdec.corpus FOLDER`. `--stand-in` tries the program
itself where there is no GPU.
"""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from service.settings import DecoderChoice

from ..support.jobs import job_of
from .nvdec_decoding import (
    TOGETHER,
    cpu_seconds,
    decode,
    gpu_megabytes,
    megabytes_of_nvdec,
    processes_of_nvdec,
    started,
    together,
    videos_in,
)

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)
Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]
StandIn = Annotated[bool, typer.Option("--stand-in", help="No GPU: FFmpeg and NumPy in its place.")]

Gpus = Annotated[list[int] | None, typer.Option("--gpu", help="Its number; again for others. Default: 0.")]

CHANGED_BYTES = 24


@app.command()
def compare(folder: Folder, gpu: Gpus = None, stand_in: StandIn = False) -> None:
    """Every video by both: frames, times, damage and pixels."""

    async def body() -> int:
        wrong = 0
        async with started("cpu", False) as cores, started("nvdec", stand_in, gpu or [0]) as nvdec:
            print(nvdec.nvdec[1], flush=True)
            for path in videos_in(folder):
                by_cores, by_nvdec = await decode(cores, path), await decode(nvdec, path)
                same = by_cores.outcome == by_nvdec.outcome
                apart = by_cores.levels_apart(by_nvdec) if same else None
                ended = by_nvdec.ended
                what = (ended.decoder, ended.fallback) if ended else by_nvdec.error
                good = same and apart == 0
                wrong += not good
                frames = (by_cores.ended and by_cores.ended.frames, ended and ended.frames)
                print("ok  " if good else "BAD ", path.name, what, frames, f"{apart} levels apart", flush=True)
        return wrong

    raise SystemExit(1 if asyncio.run(body()) else 0)


@app.command()
def mutants(folder: Folder, count: int = 500, choice: DecoderChoice = "nvdec", stand_in: StandIn = False) -> None:
    """Videos with some bytes changed, by both: nothing hangs, nothing is told otherwise."""
    chance = random.Random(0)
    sources = [path for path in videos_in(folder) if path.stat().st_size < 1 << 20]
    made = Path(f"/dev/shm/mutants-{os.getpid()}")  # noqa: S108

    def mutant(number: int) -> Path:
        content = bytearray(chance.choice(sources).read_bytes())
        for _ in range(CHANGED_BYTES):
            content[chance.randrange(64, len(content))] = chance.randrange(256)
        path = made / f"{number}.bin"
        path.write_bytes(content)
        return path

    async def body() -> None:
        seen: Counter[str] = Counter()
        async with started("cpu", False) as cores, started(choice, stand_in) as nvdec:
            before = gpu_megabytes()

            async def one(path: Path) -> None:
                by_cores, by_nvdec = await asyncio.gather(decode(cores, path), decode(nvdec, path))
                ended = by_nvdec.ended
                seen[f"{ended.decoder}, {ended.fallback}" if ended else f"refused: {by_nvdec.error}"] += 1
                if by_cores.outcome != by_nvdec.outcome:
                    seen["OTHER OUTCOME " + (ended.decoder if ended else "refused")] += 1
                elif ended is not None and ended.decoder == "nvdec" and by_cores.levels_apart(by_nvdec):
                    seen["OTHER PIXELS"] += 1
                await asyncio.to_thread(path.unlink)

            await together([lambda path=path: one(path) for path in map(mutant, range(count))])  # type: ignore[misc]
            print(json.dumps(dict(seen)), "GPU memory, MB:", before, gpu_megabytes(), "still", nvdec.nvdec, flush=True)

    made.mkdir()
    asyncio.run(body())
    made.rmdir()


@app.command()
def growth(folder: Folder, count: int = 5000, stand_in: StandIn = False) -> None:
    """Many videos in random order of size: memory, and that each has the pixels that the CPU gives it."""
    chance = random.Random(0)
    sources = [path for path in videos_in(folder) if path.stem.removeprefix("hevc-")[0].isdigit()]

    async def body() -> None:
        async with started("cpu", False) as cores:
            digests = {path: (await decode(cores, path)).digest for path in sources}
        seen: Counter[str] = Counter()
        async with started("nvdec", stand_in) as nvdec:

            async def one(path: Path) -> None:
                done = await decode(nvdec, path)
                seen[f"{done.ended.decoder}, {done.ended.fallback}" if done.ended else str(done.error)] += 1
                seen["WRONG PIXELS"] += done.digest != digests[path]

            began = time.monotonic()
            for number in range(10):
                some = [chance.choice(sources) for _ in range(count // 10)]
                await together([lambda path=path: one(path) for path in some])  # type: ignore[misc]
                memory = {"gpu": gpu_megabytes(), "process": megabytes_of_nvdec(), "seconds": time.monotonic() - began}
                print(number, json.dumps(memory), dict(seen), flush=True)

    asyncio.run(body())


@app.command()
def rate(
    folder: Folder,
    seconds: float = 8,
    only: DecoderChoice | None = None,
    gpu: Gpus = None,
    stand_in: StandIn = False,
) -> None:
    """Frames/s of clips that nobody classifies, with each choice of decoder, in turn."""

    async def one(choice: DecoderChoice) -> None:
        paths = videos_in(folder)
        frames = 0
        async with started(choice, stand_in and choice != "cpu", gpu or [0]) as decoder:
            began, spent = time.monotonic(), cpu_seconds()
            seen: Counter[str] = Counter()

            async def client(number: int) -> None:
                nonlocal frames
                while time.monotonic() < began + seconds:
                    number += 1
                    async with decoder.open(job_of(paths[number % len(paths)])) as stream:
                        async for _ in stream.clips():
                            frames += 32
                            if time.monotonic() > began + seconds:
                                return
                        seen[stream.ended.decoder if stream.ended else "?"] += 1

            await asyncio.gather(*map(client, range(2 * TOGETHER)))
            took = time.monotonic() - began
            times = [each.cpu_times() for each in processes_of_nvdec()]
            user, system = (sum(each[part] for each in times) / frames * 1000 for part in (0, 1))
            figures = f"{frames / took:.0f} frames/s, {(cpu_seconds() - spent) / frames * 1000:.3f} ms of CPU a frame"
            of_nvdec = f"{user:.3f} and {system:.3f} of them NVDEC's process, user and system"
            print(choice, f"{figures}, {of_nvdec}", dict(seen), flush=True)

    for choice in ("cpu", "nvdec", "auto") if only is None else (only,):
        asyncio.run(one(choice))


@app.command()
def kill(folder: Folder, times: int = 5, gpu: Gpus = None, stand_in: StandIn = False) -> None:
    """Kill the process that drives NVDEC under load: every video is decoded, and a new process is there soon."""

    async def body() -> None:
        seen: Counter[str] = Counter()
        async with started("cpu", False) as cores:
            source = folder / "1280x720.mp4"
            digest = (await decode(cores, source)).digest
        gpus = gpu or [0]
        async with started("auto", stand_in, gpus) as nvdec:
            over = asyncio.Event()

            async def client() -> None:
                while not over.is_set():
                    done = await decode(nvdec, source)
                    seen[f"{done.ended.decoder}, {done.ended.fallback}" if done.ended else f"BAD {done.error}"] += 1
                    seen["WRONG PIXELS"] += done.digest != digest

            clients = [asyncio.create_task(client()) for _ in range(TOGETHER)]
            for _ in range(times):
                await asyncio.sleep(3)
                process = random.choice(processes_of_nvdec())
                os.kill(process.pid, signal.SIGKILL)
                began = time.monotonic()
                while process in (now := processes_of_nvdec()) or len(now) < len(gpus) or not nvdec.nvdec[0]:
                    await asyncio.sleep(0.02)
                print(f"again after {time.monotonic() - began:.2f} s", dict(seen), flush=True)
            over.set()
            await asyncio.gather(*clients)
            print(dict(seen), flush=True)

    asyncio.run(body())


if __name__ == "__main__":
    app()
