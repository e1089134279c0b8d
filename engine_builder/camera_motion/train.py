"""Train the bundled model: `python -m engine_builder.camera_motion.train -o camera_motion.wts`.

Needs the `torch` extra and, for the photographs, scikit-image and scikit-learn. Data is made as it trains, on the
device that trains. One NVIDIA H200 takes under eight minutes with the defaults; a CPU is good for `--steps 2` only.
"""

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from ..wts import write_wts
from . import render, textures
from .network import R3D18

FRAMES = 32
WIDTH = 8
LABELS = (Path(__file__).parent / "labels.txt").read_text().splitlines()
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("camera_motion.wts"))
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--bank", type=int, default=1024, help="pictures kept to draw scenes from")
    parser.add_argument("--size", type=int, default=640, help="side of those pictures, in pixels")
    parser.add_argument("--rate", type=float, default=6e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def normalise(clips: torch.Tensor) -> torch.Tensor:
    """Grey levels [n, T, 3, H, W] to the network's input [n, 3, T, H, W]."""
    mean = torch.tensor(MEAN, device=clips.device).view(1, 3, 1, 1, 1)
    std = torch.tensor(STD, device=clips.device).view(1, 3, 1, 1, 1)
    return ((clips.transpose(1, 2) / 255 - mean) / std).contiguous(memory_format=torch.channels_last_3d)


def batch(bank: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised clips and their labels (int64), classes in equal shares."""
    labels = torch.arange(size, device=bank.device) % len(LABELS)
    labels = labels[torch.randperm(size, device=bank.device)]
    with torch.no_grad():
        return normalise(render.clips(bank, labels, FRAMES)), labels


def learn(network: R3D18, bank: torch.Tensor, photos: list[torch.Tensor], args: argparse.Namespace) -> None:
    device = bank.device
    optimiser = torch.optim.AdamW(network.parameters(), lr=args.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, total_steps=args.steps, pct_start=0.1)
    started = time.monotonic()
    for step in range(1, args.steps + 1):
        if step % 10 == 0:
            # Fresh pictures all the time: what is learnt must hold for any scene.
            fresh = textures.mixed(photos, min(16, len(bank)), bank.shape[-1], device)
            bank[torch.randint(len(bank), (len(fresh),), device=device)] = fresh
        clips, labels = batch(bank, args.batch)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(clips)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == args.steps:
            right = float((logits.argmax(1) == labels).float().mean())
            elapsed = time.monotonic() - started
            print(f"step {step} loss {loss.item():.4f} batch accuracy {right:.3f} {elapsed:.0f} s", flush=True)


def evaluate(network: R3D18, bank: torch.Tensor, rounds: int, size: int) -> torch.Tensor:
    """Confusion counts int64 [true, answered] on clips not trained on."""
    counts = torch.zeros(len(LABELS), len(LABELS), dtype=torch.int64)
    network.eval()
    for _ in range(rounds):
        clips, labels = batch(bank, size)
        with torch.inference_mode():
            answers = network(clips).argmax(1)
        for true, answer in zip(labels.tolist(), answers.tolist(), strict=True):
            counts[true, answer] += 1
    return counts


def main() -> None:
    args = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    photos = textures.load_photos(device)
    print(f"{device}, {len(photos)} photographs", flush=True)
    bank = torch.cat([textures.mixed(photos, 16, args.size, device) for _ in range(max(1, args.bank // 16))])
    network = R3D18(len(LABELS), WIDTH).to(device, memory_format=torch.channels_last_3d)
    print(f"{sum(p.numel() for p in network.parameters())} parameters, bank {tuple(bank.shape)}", flush=True)
    learn(network, bank, photos, args)
    torch.manual_seed(args.seed + 1)
    bank = torch.cat([textures.mixed(photos, 16, args.size, device) for _ in range(max(1, args.bank // 64))])
    counts = evaluate(network, bank, max(1, args.steps // 100), args.batch)
    print(f"held-out synthetic clips: {float(counts.diag().sum() / counts.sum()):.4f} of {int(counts.sum())} right")
    print(counts, flush=True)
    write_wts(args.output, {name: tensor.float().cpu().numpy() for name, tensor in network.state_dict().items()})


if __name__ == "__main__":
    main()
