"""Clips to verify a model with when there is no video."""

import cv2
import numpy as np

from .manifest import ClipFormat, Frames


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
