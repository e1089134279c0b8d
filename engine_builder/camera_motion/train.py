"""Train the bundled model: `python -m engine_builder.camera_motion.train -o camera_motion.wts`.

Needs the `torch` extra and, for the photographs, scikit-image and scikit-learn. Data is made as it trains, on the
device that trains. One NVIDIA H200 takes under eight minutes with the defaults; a CPU is good for `--steps 2` only.
"""

import time
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer

from ..wts import write_wts
from . import render, textures
from .network import R3D18

FRAMES = 32
WIDTH = 8
LABELS = (Path(__file__).parent / "labels.txt").read_text().splitlines()
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


def normalise(clips: torch.Tensor) -> torch.Tensor:
    """Grey levels [n, T, 3, H, W] to the network's input [n, 3, T, H, W]."""
    mean = torch.tensor(MEAN, device=clips.device).view(1, 3, 1, 1, 1)
    std = torch.tensor(STD, device=clips.device).view(1, 3, 1, 1, 1)
    return ((clips.transpose(1, 2) / 255 - mean) / std).contiguous(memory_format=torch.channels_last_3d)


def make_batch(bank: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`size` clips, normalised [n, 3, T, H, W], and their labels, int64 [n], classes in equal shares."""
    labels = torch.arange(size, device=bank.device) % len(LABELS)
    labels = labels[torch.randperm(size, device=bank.device)]
    with torch.no_grad():
        return normalise(render.clips(bank, labels, FRAMES)), labels


def learn(
    network: R3D18, bank: torch.Tensor, photos: list[torch.Tensor], steps: int, clips_per_step: int, rate: float
) -> None:
    """Train on clips drawn from the bank, whose pictures are replaced as it goes; `rate`: the peak learning rate."""
    device = bank.device
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    started = time.monotonic()
    for step in range(1, steps + 1):
        if step % 10 == 0:
            # Fresh pictures all the time: what is learnt must hold for any scene.
            fresh = textures.mixed(photos, min(16, len(bank)), bank.shape[-1], device)
            bank[torch.randint(len(bank), (len(fresh),), device=device)] = fresh
        clips, labels = make_batch(bank, clips_per_step)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(clips)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps:
            right = float((logits.argmax(1) == labels).float().mean())
            elapsed = time.monotonic() - started
            print(f"step {step} loss {loss.item():.4f} batch accuracy {right:.3f} {elapsed:.0f} s", flush=True)


def evaluate(network: R3D18, bank: torch.Tensor, rounds: int, size: int) -> torch.Tensor:
    """Confusion counts int64 [true, answered] on clips not trained on."""
    counts = torch.zeros(len(LABELS), len(LABELS), dtype=torch.int64)
    network.eval()
    for _ in range(rounds):
        clips, labels = make_batch(bank, size)
        with torch.inference_mode():
            answers = network(clips).argmax(1)
        for true, answer in zip(labels.tolist(), answers.tolist(), strict=True):
            counts[true, answer] += 1
    return counts


def fill_bank(photos: list[torch.Tensor], pictures: int, side: int, device: torch.device) -> torch.Tensor:
    """Pictures to draw scenes from, [n, channels, side, side]; `pictures` is rounded down to sixteens, at least one."""
    return torch.cat([textures.mixed(photos, 16, side, device) for _ in range(max(1, pictures // 16))])


def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path("camera_motion.wts"),
    steps: Annotated[int, typer.Option(help="Batches to learn from.")] = 1700,
    batch: Annotated[int, typer.Option(help="Clips per batch.")] = 192,
    bank: Annotated[int, typer.Option(help="Pictures kept to draw scenes from.")] = 1024,
    size: Annotated[int, typer.Option(help="Side of those pictures, in pixels.")] = 640,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 6e-3,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Train the bundled model, and write its weights."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    photos = textures.load_photos(device)
    print(f"{device}, {len(photos)} photographs", flush=True)
    pictures = fill_bank(photos, bank, size, device)
    network = R3D18(len(LABELS), WIDTH).to(device, memory_format=torch.channels_last_3d)
    print(f"{sum(p.numel() for p in network.parameters())} parameters, bank {tuple(pictures.shape)}", flush=True)
    learn(network, pictures, photos, steps, batch, rate)
    torch.manual_seed(seed + 1)
    pictures = fill_bank(photos, bank // 4, size, device)
    counts = evaluate(network, pictures, max(1, steps // 100), batch)
    print(f"held-out synthetic clips: {float(counts.diag().sum() / counts.sum()):.4f} of {int(counts.sum())} right")
    print(counts, flush=True)
    write_wts(output, {name: tensor.float().cpu().numpy() for name, tensor in network.state_dict().items()})


def main() -> None:
    typer.run(train)


if __name__ == "__main__":
    main()
