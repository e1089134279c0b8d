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
    path = motion.sample(torch.full((256,), label), 32)
    plain = path.target[:, label] > 0.95
    content_x = -(path.shift_x[:, -1] - path.shift_x[:, 0])
    content_y = -(path.shift_y[:, -1] - path.shift_y[:, 0])
    assert plain.sum() > 128
    assert ((content_x if dx else content_y)[plain] * (dx or dy) > 0).all()


@needs_torch
def test_what_a_viewer_would_call_a_movement() -> None:
    import torch

    from engine_builder.camera_motion import motion

    steady = torch.tensor(
        [
            [0.0, 0, 0, 0],
            [0.0003, 0, 0, 0],  # a drift nobody sees
            [0.01, 0, 0, 0],
            [0, -0.01, 0, 0],
            [0, 0, -0.01, 0],
            [0, 0, 0, 0.02],
            [0.01, 0.01, 0, 0],  # two at once
        ]
    )
    answers = motion.judge(steady[:, :, None].expand(-1, -1, 32))
    assert answers.sum(1) == pytest.approx(1)
    named = [motion.STATIC, motion.STATIC, motion.PAN_RIGHT, motion.TILT_UP, motion.ZOOM_IN, motion.ROLL_CLOCKWISE]
    assert answers[:6].argmax(1).tolist() == named
    assert answers[:6].amax(1).min() > 0.95
    assert answers[6, [motion.PAN_RIGHT, motion.TILT_DOWN]].tolist() == pytest.approx([0.5, 0.5], abs=0.01)


@needs_torch
def test_a_camera_that_goes_to_and_fro_has_no_label() -> None:
    import torch

    from engine_builder.camera_motion import motion

    moves = torch.zeros(1, 4, 32)
    moves[0, 0, ::2], moves[0, 0, 1::2] = 0.02, -0.0199
    assert motion.judge(moves).max() < 0.2


@needs_torch
def test_a_cut_shares_a_clips_target_out_by_time() -> None:
    import torch

    from engine_builder.camera_motion import edit

    torch.manual_seed(0)
    targets = torch.eye(2)[torch.arange(70) % 2]
    # Each clip is as bright as its label's number: a cut clip's mean brightness is the other shot's share of it.
    clips = targets[:, 1, None, None, None, None].expand(-1, 32, 3, 2, 2)
    mixed, answers = edit.cut(clips, targets)
    assert mixed.mean((1, 2, 3, 4)).tolist() == pytest.approx(answers[:, 1].tolist(), abs=1e-5)
    assert 0 < (answers.amax(1) < 1).sum() <= 10


@needs_torch
def test_a_caption_stays_where_it_is() -> None:
    import torch

    from engine_builder.camera_motion import edit

    torch.manual_seed(0)
    clips = torch.rand(40, 4, 3, 8, 8) * 0.5
    captions = torch.zeros(1, 4, 8, 8)
    captions[:, :, 6:] = 1
    written = edit.caption(clips, captions)
    changed = (written != clips).flatten(1).any(1)
    assert 0 < changed.sum() < 40
    assert torch.equal(written[:, :, :, :6], clips[:, :, :, :6])
    assert (written[changed][:, :, :, 6:] > clips[changed][:, :, :, 6:]).all()


@needs_torch
def test_repeated_frames_are_copies_of_the_frame_before() -> None:
    import torch

    from engine_builder.camera_motion import edit

    torch.manual_seed(0)
    clips = torch.arange(32.0)[None, :, None, None, None].expand(200, -1, 1, 1, 1)
    steps = edit.repeat(clips)[:, :, 0, 0, 0].diff(dim=1)
    assert set(steps.unique().tolist()) == {0.0, 1.0, 2.0}
    assert 0 < (steps == 0).any(1).sum() < 100
