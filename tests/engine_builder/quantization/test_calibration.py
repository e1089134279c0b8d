"""Which clips the scales come from, and which are held out."""

from pathlib import Path

import numpy as np

from engine_builder.manifest import ClipFormat
from engine_builder.quantization.calibration import ClipSet, videos_in

from .clips_stub import Clips

CLIP = ClipFormat()


def test_calibration_and_judgement_share_no_clip() -> None:
    ready = np.arange(30, dtype=np.uint8)[:, None, None, None, None] * np.ones((1, 2, 4, 4, 3), np.uint8)
    chosen = ClipSet(Clips(ready), [Path("a"), Path("b.bad")], CLIP)
    calibrated = [int(clip.max()) for clip in chosen]
    held_out = [int(clip.max()) for clip in chosen.held_out]
    assert sorted(calibrated + held_out) == list(range(30))
    assert held_out == list(range(2, 30, 3))
    assert chosen.skipped == ["b.bad: not a video"]
    again = ClipSet(Clips(ready), [Path("a")], CLIP)
    list(again)
    assert chosen.sha256 == again.sha256
    other = ClipSet(Clips(ready[::-1]), [Path("a")], CLIP)
    list(other)
    assert other.sha256 != chosen.sha256


def test_videos_are_named_in_folders_and_lists(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.mp4", "a.mp4"):
        (folder / name).touch()
    (tmp_path / "list.txt").write_text(f"{folder}/a.mp4\n\nc.mp4\n")
    assert videos_in([folder, tmp_path / "list.txt"]) == [folder / "a.mp4", folder / "b.mp4", Path("c.mp4")]
