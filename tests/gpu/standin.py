"""The PyCUDA runtime on a real GPU, without TensorRT: `python -m tests.gpu.standin [VIDEO...] [--devices 0,1]`.

TensorRT's execution context is stood in for by one with the same calls that computes the network with PyTorch, on the
device pointers and the stream it is given. Everything else is the service's own: primary context, page-locked staging,
asynchronous copies, two batches under way, one worker per GPU. Checks the results against torchvision's (tests/golden),
10,000 batches of random sizes for leaks, the sharing of the load, and that copies and computing overlap.
"""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from .standin_checks import leaks, overlap, results, sharing


def run(
    videos: Annotated[list[Path] | None, typer.Argument(help="Videos that tests/golden has results of.")] = None,
    devices: Annotated[str, typer.Option(help="GPUs by number, comma-separated.")] = "0",
    batches: Annotated[int, typer.Option(help="Batches of the check for leaks.")] = 10_000,
) -> None:
    """Check the PyCUDA backend on real GPUs; each check prints a line of JSON."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    numbers = [int(number) for number in devices.split(",")]
    torch.cuda.init()
    print("results", json.dumps(results(videos or [], numbers[0])), flush=True)
    print("overlap", json.dumps(overlap(numbers[0])), flush=True)
    if len(numbers) > 1:
        print("sharing", json.dumps(sharing(numbers, 2000)), flush=True)
    print("leaks", json.dumps(leaks(batches, numbers[0])), flush=True)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
