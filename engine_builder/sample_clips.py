"""Clips to verify a model with: cut from the operator's own videos, or made up."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from .errors import VerificationError
from .manifest import ClipFormat, Frames

CLIPS_PER_VIDEO = 8


def made_up_clips(clip: ClipFormat, count: int = 4) -> Frames:
    """Seeded coloured noise that drifts sideways, uint8 [count, T, H, W, 3]."""
    rng = np.random.default_rng(0)
    clips = []
    for index in range(count):
        coarse = rng.integers(0, 256, (clip.height // 8 + 1, (clip.width + clip.frames * 2) // 8 + 1, 3), np.uint8)
        scene = cv2.resize(coarse, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
        starts = np.arange(clip.frames) * (index % 3)
        clips.append(np.stack([scene[: clip.height, start : start + clip.width] for start in starts]))
    return np.stack(clips)


def video_clips(path: Path, clip: ClipFormat) -> Frames:
    """The first clips of a video, uint8 [n, T, H, W, 3] RGB. For trusted files: it decodes in this process.

    Raises VerificationError when the video holds no whole clip.
    """
    frames = list(_frames(path, clip, clip.frames * CLIPS_PER_VIDEO))
    whole = len(frames) // clip.frames
    if not whole:
        raise VerificationError(f"{path}: {len(frames)} frames could be decoded, a clip takes {clip.frames}")
    return np.stack(frames[: whole * clip.frames]).reshape(whole, clip.frames, clip.height, clip.width, 3)


def _frames(path: Path, clip: ClipFormat, limit: int) -> Iterator[Frames]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    for _ in range(limit):
        good, frame = capture.read()
        if not good:
            break
        small = cv2.resize(frame, (clip.resize_width, clip.resize_height), interpolation=cv2.INTER_LINEAR_EXACT)
        crop = small[clip.top : clip.top + clip.height, clip.left : clip.left + clip.width]
        yield np.asarray(crop[:, :, ::-1], np.uint8)
    capture.release()
