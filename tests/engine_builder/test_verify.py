import shutil
from pathlib import Path

import numpy as np
import pytest

from engine_builder.errors import VerificationError
from engine_builder.manifest import ClipFormat, ManifestError
from engine_builder.sample_clips import made_up_clips, video_clips
from engine_builder.verify import compare, verify_model

from ..support.videos import write_video


def test_every_runtime_agrees(model_directory: Path) -> None:
    results = verify_model(model_directory, made_up_clips(ClipFormat(), 2))
    assert [(result.runtime, result.precision) for result in results] == [("openvino", "fp32"), ("onnxruntime", "fp32")]
    for result in results:
        assert result.good
        assert result.measured.clips == 2
        assert result.measured.top1_agreement == 1
        assert result.measured.max_abs_difference < 1e-3


def test_a_changed_file_is_noticed(model_directory: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(model_directory, tmp_path / "model"))
    (directory / "model.onnx").write_bytes(b"other")
    with pytest.raises(ManifestError, match="SHA-256"):
        verify_model(directory, made_up_clips(ClipFormat(), 1))


def test_differences_are_measured() -> None:
    expected = np.array([[0.7, 0.3], [0.2, 0.8]], np.float32)
    found = np.array([[0.4, 0.6], [0.2, np.nan]], np.float32)
    measured = compare(found, expected)
    assert measured.max_abs_difference == pytest.approx(0.3)
    assert measured.nan_count == 1
    assert measured.clips == 2
    assert compare(expected, expected).top1_agreement == 1
    assert compare(expected[::-1], expected).top1_agreement == 0


def test_made_up_clips_are_always_the_same_and_move() -> None:
    clips = made_up_clips(ClipFormat(frames=16), 3)
    assert clips.shape == (3, 16, 112, 112, 3)
    assert clips.dtype == np.uint8
    assert (clips == made_up_clips(ClipFormat(frames=16), 3)).all()
    assert (clips[1, 0] != clips[1, 15]).any()


def test_clips_of_a_video(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", frames=70)
    assert video_clips(video, ClipFormat()).shape == (2, 32, 112, 112, 3)
    short = write_video(tmp_path / "short.mp4", frames=31)
    with pytest.raises(VerificationError, match="31 frames"):
        video_clips(short, ClipFormat())
