import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from engine_builder.architecture import recognise
from engine_builder.camera_motion import WEIGHTS
from engine_builder.wts import read_wts

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is missing: pip install '.[torch]'"
)


def test_the_bundled_weights_are_small_and_an_r3d_18() -> None:
    assert WEIGHTS.stat().st_size <= 6_000_000
    tensors = read_wts(WEIGHTS)
    network = recognise({name: values.size for name, values in tensors.items()})
    assert (network.architecture, network.classes) == ("r3d_18", 9)
    assert 400_000 < sum(values.size for values in tensors.values()) < 600_000


@needs_torch
def test_training_writes_weights_the_builder_takes(tmp_path: Path) -> None:
    output = tmp_path / "toy.wts"
    toy = ["--steps", "1", "--batch", "9", "--bank", "8", "--size", "32", "-o", str(output)]
    # Clips of two frames: what is written does not depend on their length, and a CPU takes a second for each frame.
    script = "from engine_builder.camera_motion import train; train.FRAMES = 2; train.main()"
    command = [sys.executable, "-c", script, *toy]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    tensors = read_wts(output)
    assert recognise({name: values.size for name, values in tensors.items()}).architecture == "r3d_18"


@needs_torch
@pytest.mark.parametrize(
    ("label", "dx", "dy"), [(1, 1, 0), (2, -1, 0), (3, 0, 1), (4, 0, -1)], ids=["left", "right", "up", "down"]
)
def test_the_camera_moves_against_the_content(label: int, dx: int, dy: int) -> None:
    """Panning left moves the picture's content right, tilting up moves it down."""
    import torch

    from engine_builder.camera_motion import motion

    torch.manual_seed(0)
    path = motion.sample(torch.full((64,), label), 32)
    content_x = -(path.shift_x[:, -1] - path.shift_x[:, 0])
    content_y = -(path.shift_y[:, -1] - path.shift_y[:, 0])
    assert ((content_x if dx else content_y) * (dx or dy) > 0).all()
