"""Answers of the service as a page would get them, of videos that nobody has to classify."""

import json
from collections.abc import Sequence
from typing import Any

Answer = dict[str, Any]

CAMERA = ("static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "roll clockwise")
RATE = 30
CLIP_FRAMES = 32


def made_answer(
    labels: Sequence[str], *, probability: float = 0.9, threshold: float = 0.6, warnings: Sequence[str] = ()
) -> Answer:
    """The answer to a video of one clip of each of `labels`, at 30 frames a second."""
    names = sorted(set(labels))
    clips = [_clip(index, label, names, probability) for index, label in enumerate(labels)]
    winner = max(names, key=list(labels).count)
    means = [(name, probability * list(labels).count(name) / len(labels)) for name in names]
    return {
        "label": winner,
        "label_index": names.index(winner),
        "votes": list(labels).count(winner),
        "confidence": dict(means)[winner],
        "warnings": list(warnings),
        "top": [_top(name, names, share) for name, share in sorted(means, key=lambda each: -each[1])[:5]],
        "segments": _segments(clips) if probability >= threshold else [],
        "clips": clips,
        "sampling": {
            "frame_rate": None,
            "clips": "all",
            "clip_frames": CLIP_FRAMES,
            "stride": CLIP_FRAMES,
            "tail": "drop",
            "aggregate": "vote",
            "threshold": threshold,
            "start": 0.0,
            "end": None,
        },
        "video": {
            "frames": len(clips) * CLIP_FRAMES,
            "frames_used": len(clips) * CLIP_FRAMES,
            "partial": "partial" in warnings,
            "codec": "h264",
            "width": 320,
            "height": 240,
            "frame_rate": RATE,
            "duration_seconds": len(clips) * CLIP_FRAMES / RATE,
        },
        "model": {
            "name": "made",
            "architecture": "r3d_18",
            "backend": "none",
            "precision": "fp32",
            "device": "none",
            "weights_sha256": "0" * 64,
        },
        "timing": {"upload_ms": 1.0, "decode_ms": 1.0, "queue_ms": 1.0, "inference_ms": 1.0, "total_ms": 4.0},
    }


def varied(clips: int, labels: Sequence[str] = CAMERA, longest: int = 23) -> list[str]:
    """Runs of labels of 1 to `longest` clips, always the same."""
    found: list[str] = []
    turn = 0
    while len(found) < clips:
        turn += 1
        found += [labels[turn * turn * 7 % len(labels)]] * (1 + turn * 13 % longest)
    return found[:clips]


def lines(answer: Answer, *, clips: int | None = None, end: Answer | None = None) -> str:
    """The answer as the service sends it line by line; of `clips` first clips only, and with another last line."""
    events = [{"event": "clip", **clip} for clip in answer["clips"][:clips]]
    last = {"event": "result", **answer} if end is None else end
    return "".join(json.dumps(event) + "\n" for event in (*events, last) if event)


def _top(label: str, names: Sequence[str], probability: float) -> Answer:
    return {"label": label, "label_index": names.index(label), "probability": round(probability, 6)}


def _clip(index: int, label: str, names: Sequence[str], probability: float) -> Answer:
    others = [name for name in names if name != label][:4]
    rest = (1 - probability) / max(1, len(others))
    top = [_top(label, names, probability), *(_top(name, names, rest) for name in others)]
    frames = (index * CLIP_FRAMES, (index + 1) * CLIP_FRAMES)
    return {
        "index": index,
        "start_frame": frames[0],
        "end_frame": frames[1],
        "start_seconds": round(frames[0] / RATE, 6),
        "end_seconds": round(frames[1] / RATE, 6),
        **top[0],
        "top": top,
        "video_label_probability": probability,
    }


def _segments(clips: Sequence[Answer]) -> list[Answer]:
    found: list[Answer] = []
    for clip in clips:
        if found and found[-1]["label"] == clip["label"]:
            found[-1] |= {"end_seconds": clip["end_seconds"], "end_frame": clip["end_frame"]}
            found[-1]["clips"] += 1
            continue
        names = ("label", "label_index", "start_seconds", "end_seconds", "start_frame", "end_frame")
        found.append({name: clip[name] for name in names} | {"clips": 1, "confidence": clip["probability"]})
    return found
