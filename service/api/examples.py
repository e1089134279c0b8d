"""An answer as an example, for the OpenAPI document."""

from typing import Any

_PAN = {"label": "pan left", "label_index": 1, "probability": 0.900689}

ANSWER: dict[str, Any] = {
    "label": "pan left",
    "label_index": 1,
    "votes": 1,
    "confidence": 0.900689,
    "warnings": [],
    "top": [_PAN],
    "segments": [
        {
            "label": "pan left",
            "label_index": 1,
            "start_seconds": 0.0,
            "end_seconds": 1.28,
            "start_frame": 0,
            "end_frame": 32,
            "clips": 1,
            "confidence": 0.900689,
        }
    ],
    "clips": [
        {
            "index": 0,
            "start_frame": 0,
            "end_frame": 32,
            "start_seconds": 0.0,
            "end_seconds": 1.28,
            **_PAN,
            "top": [_PAN],
            "video_label_probability": 0.900689,
        }
    ],
    "sampling": {
        "frame_rate": 25.0,
        "clips": "all",
        "clip_frames": 32,
        "stride": 32,
        "tail": "drop",
        "aggregate": "vote",
        "threshold": 0.6,
        "start": 0.0,
        "end": 1.5,
    },
    "video": {
        "frames": 40,
        "frames_used": 32,
        "partial": False,
        "codec": "h264",
        "width": 1280,
        "height": 720,
        "frame_rate": 25.0,
        "duration_seconds": 1.6,
    },
    "model": {
        "name": "camera-motion",
        "architecture": "r3d_18",
        "backend": "openvino",
        "precision": "fp32",
        "device": "CPU",
        "weights_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "timing": {"upload_ms": 4.2, "decode_ms": 61.5, "queue_ms": 0.3, "inference_ms": 42.1, "total_ms": 112.6},
}

JOB: dict[str, Any] = {
    "id": "2aXk5Yd0mJpVb8nQ1rTfHs3w",
    "status": "queued",
    "created": "2026-11-28T09:30:00Z",
    "started": None,
    "finished": None,
    "progress": {"clips": 0, "seconds": 0.0, "of_seconds": None},
    "problem": None,
    "result": None,
}
