"""Clients of the service on a cluster."""

import threading
from collections import Counter
from pathlib import Path

import httpx
import psutil

SECONDS = 60.0


def ask_on_and_on(url: str, video: Path, stop: threading.Event, outcomes: Counter[str]) -> None:
    """Post a video that zooms in until `stop`; an outcome is `good`, `clean` (a 503 that says when), or its text."""
    body = video.read_bytes()
    with httpx.Client(timeout=SECONDS) as session:
        while not stop.is_set():
            answer = session.post(f"{url}/classify", files={"file": body})
            good = answer.status_code == 200 and answer.json()["label"] == "zoom in"
            clean = answer.status_code == 503 and "Retry-After" in answer.headers and answer.json()["detail"]
            outcomes["good" if good else "clean" if clean else answer.text[:200]] += 1


def busy(process: psutil.Process) -> float:
    """Seconds of processor time that it has had."""
    return float(sum(process.cpu_times()[:2]))
