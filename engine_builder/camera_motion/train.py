"""Train the bundled model: `python -m engine_builder.camera_motion.train -o camera_motion.wts`.

Needs the `torch` extra and, for the photographs, scikit-image and scikit-learn. Data is made as it trains, on the
device that trains. One NVIDIA H100 takes under seven minutes with the defaults; a CPU is good for `--steps 2` only.
"""

import time
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer

from ..wts import read_wts, write_wts
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


def load(network: R3D18, path: Path) -> None:
    """Put a .wts file's values into the network. Raises KeyError for a file of another network."""
    values = read_wts(path)
    state = network.state_dict()
    network.load_state_dict({name: torch.from_numpy(values[name]).view_as(old) for name, old in state.items()})


def make_batch(bank: render.Bank, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`size` clips, normalised [n, 3, T, H, W], and each label's probability, float32 [n, 9].

    Most footage is shot by a camera at rest: `static` has two shares, every other label one.
    """
    labels = torch.arange(size, device=bank.scenes.device) % (len(LABELS) + 1) % len(LABELS)
    labels = labels[torch.randperm(size, device=bank.scenes.device)]
    with torch.no_grad():
        clips, targets = render.clips(bank, labels, FRAMES)
        return normalise(clips), targets


def learn(
    network: R3D18, bank: render.Bank, photos: list[torch.Tensor], steps: int, clips_per_step: int, rate: float
) -> None:
    """Train on clips drawn from the bank, whose pictures are replaced as it goes; `rate`: the peak learning rate."""
    device = bank.scenes.device
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    started = time.monotonic()
    for step in range(1, steps + 1):
        if step % 10 == 0:
            # Fresh pictures all the time: what is learnt must hold for any scene.
            bank.renew(photos)
        clips, targets = make_batch(bank, clips_per_step)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(clips)
        loss = F.cross_entropy(logits.float(), targets, label_smoothing=0.04)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps:
            right = float((logits.argmax(1) == targets.argmax(1)).float().mean())
            elapsed = time.monotonic() - started
            print(f"step {step} loss {loss.item():.4f} batch accuracy {right:.3f} {elapsed:.0f} s", flush=True)


def evaluate(network: R3D18, bank: render.Bank, rounds: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips not trained on: answers' probabilities and targets, each float32 [clips, 9]."""
    answers, truths = [], []
    network.eval()
    for _ in range(rounds):
        clips, targets = make_batch(bank, size)
        with torch.inference_mode():
            answers.append(network(clips).softmax(1).cpu())
        truths.append(targets.cpu())
    return torch.cat(answers), torch.cat(truths)


def describe(answers: torch.Tensor, targets: torch.Tensor) -> None:
    """Print how many are right: of all, of those with a plain answer, of those answered surely; and the confusion."""
    sure, label = answers.max(1)
    plain, true = targets.max(1)
    right = (label == true).float()
    parts = {"all": sure >= 0, "with a plain answer": plain > 0.9, "without": plain < 0.6}
    parts |= {f"answered with {bar} or more": sure >= bar for bar in (0.6, 0.8, 0.9)}
    for name, part in parts.items():
        expected = float(targets.gather(1, label[:, None])[part].mean())
        print(f"{name}: {int(part.sum())} clips, {float(right[part].mean()):.4f} right, {expected:.4f} expected")
    counts = torch.zeros(len(LABELS), len(LABELS), dtype=torch.int64)
    clear = plain > 0.9
    counts.index_put_((true[clear], label[clear]), torch.tensor(1), accumulate=True)
    print(counts, flush=True)


def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path("camera_motion.wts"),
    steps: Annotated[int, typer.Option(help="Batches to learn from.")] = 1280,
    batch: Annotated[int, typer.Option(help="Clips per batch.")] = 192,
    bank: Annotated[int, typer.Option(help="Pictures kept to draw scenes from.")] = 1024,
    size: Annotated[int, typer.Option(help="Side of those pictures, in pixels.")] = 640,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 5e-3,
    start: Annotated[Path | None, typer.Option(help="Weights to go on from. Default: random ones.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Train the bundled model, and write its weights."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    photos = textures.load_photos(device)
    print(f"{device}, {len(photos)} photographs", flush=True)
    pictures = render.fill_bank(photos, bank, size, device)
    network = R3D18(len(LABELS), WIDTH)
    if start is not None:
        load(network, start)
    network.to(device, memory_format=torch.channels_last_3d)
    print(f"{sum(p.numel() for p in network.parameters())} parameters, bank {tuple(pictures.scenes.shape)}", flush=True)
    learn(network, pictures, photos, steps, batch, rate)
    torch.manual_seed(seed + 1)
    pictures = render.fill_bank(photos, bank // 4, size, device)
    describe(*evaluate(network, pictures, max(1, steps // 75), batch))
    write_wts(output, {name: tensor.float().cpu().numpy() for name, tensor in network.state_dict().items()})


def main() -> None:
    typer.run(train)


if __name__ == "__main__":
    main()
