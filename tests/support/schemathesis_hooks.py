"""Schemathesis sends real videos too: random bytes alone would never be classified."""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies

SAMPLE = "SAMPLE_VIDEO"  # the variable that names the video

if SAMPLE in os.environ:
    _video = Path(os.environ[SAMPLE]).read_bytes()
    schemathesis.openapi.format("binary", strategies.sampled_from([_video, b"text", b""]))
