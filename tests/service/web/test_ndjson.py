"""`Accept: application/x-ndjson`, against a listening server."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from engine_builder.manifest import Frames
from service.api.schemas import ClassifyAnswer, ClipEvent, ResultEvent
from service.settings import Settings
from service.web.ndjson import wants_live_answer

from ...support.live_server import LiveServer
from ...support.stubs import BrightnessBackend, factory_of
from ...support.videos import H264, write_frames, write_video

NDJSON = {"Accept": "application/x-ndjson"}


def lines_of(server: LiveServer, content: bytes, **parameters: int) -> Iterator[dict[str, object]]:
    with server.client.stream(
        "POST", "/classify", files={"file": content}, params=parameters, headers=NDJSON
    ) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "application/x-ndjson"
        for line in answer.iter_lines():
            yield json.loads(line)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/x-ndjson", True),
        ("application/json, Application/X-NDJSON; q=0.9", True),
        ("*/*", False),
        ("", False),
        ("application/x-ndjsonx", False),
    ],
)
def test_the_accept_header_decides(accept: str, wanted: bool) -> None:
    assert wants_live_answer(accept) is wanted


def test_clips_then_the_same_result_as_without(server: LiveServer, video: Path) -> None:
    *clips, result = lines_of(server, video.read_bytes(), top_k=2)
    whole = ClassifyAnswer(**server.post(video.read_bytes(), top_k=2).json())
    assert [ClipEvent(**line) for line in clips] == [
        ClipEvent(**clip.model_dump(exclude={"video_label_probability"})) for clip in whole.clips
    ]
    assert [next(iter(line)) for line in (*clips, result)] == ["event"] * 3
    last = ResultEvent(**result)
    assert (last.clips, last.label, last.votes) == (whole.clips, whole.label, whole.votes)


def test_the_first_clip_arrives_while_the_rest_is_decoded(server: LiveServer, tmp_path: Path) -> None:
    content = write_video(tmp_path / "minute.mp4", 60 * 25).read_bytes()
    started = time.monotonic()
    arrived = [time.monotonic() - started for _ in lines_of(server, content)]
    assert len(arrived) == 60 * 25 // 32 + 1
    assert arrived[0] < arrived[-1] / 4
    assert arrived == sorted(arrived)


def test_errors_before_the_first_clip_have_their_own_status(server: LiveServer) -> None:
    answer = server.client.post("/classify", files={"file": b"just text"}, headers=NDJSON)
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:r3d:problem:unsupported-media"


def test_errors_after_the_first_clip_are_the_last_line(model_directory: Path, tmp_path: Path) -> None:
    dark, bright = (np.full((32, 48, 64, 3), level, np.uint8) for level in (40, 230))
    lossless = (*H264[:4], "-qp", "0", "-pix_fmt", "yuv444p")
    content = write_frames(tmp_path / "a.mp4", np.concatenate([dark, bright]), codec=lossless).read_bytes()

    def before(frames: Frames) -> None:
        if frames.max() > 200:
            raise ValueError("too bright")

    backend = BrightnessBackend(max_batch=1, before=before)
    with LiveServer(Settings(model=model_directory), factory_of(backend)) as live:
        live.wait_ready()
        clip, error = lines_of(live, content)
        assert (clip["event"], clip["index"]) == ("clip", 0)
        assert (error["event"], error["status"], error["type"]) == ("error", 500, "urn:r3d:problem:inference-failed")
        assert error["request_id"]
        metrics = live.client.get("/metrics").text
        assert 'r3d_requests_total{outcome="inference-failed"} 1.0' in metrics


def test_a_client_that_leaves_stops_decoding_and_frees_the_queue(model_directory: Path, tmp_path: Path) -> None:
    content = write_video(tmp_path / "long.mp4", 32 * 100, size=(64, 48)).read_bytes()
    gate = threading.Event()
    seen = 0

    def before(_: Frames) -> None:
        nonlocal seen
        seen += 1
        if seen > 3:  # warm-up and the first clip pass
            gate.wait(20)

    before_us = {child.pid for child in psutil.Process().children(recursive=True)}
    backend = BrightnessBackend(max_batch=1, before=before)
    with LiveServer(Settings(model=model_directory), factory_of(backend)) as live:
        live.wait_ready()
        try:
            with httpx.stream("POST", live.url + "/classify", files={"file": content}, headers=NDJSON) as answer:
                lines = answer.iter_lines()
                assert json.loads(next(lines))["event"] == "clip"
                children = {child.pid for child in psutil.Process().children(recursive=True)} - before_us
                assert len(children) == 2  # the fork server and the decoder
                while "r3d_queue_clips 3.0" not in live.client.get("/metrics").text:
                    time.sleep(0.01)
            left = time.monotonic()
            while live.lifecycle.admission.active or len(children) > 1:
                assert time.monotonic() - left < 1, (live.lifecycle.admission.active, children)
                time.sleep(0.01)
                children = {child.pid for child in psutil.Process().children(recursive=True)} - before_us
        finally:
            gate.set()
        done = time.monotonic() + 5
        while "r3d_clips_dropped_total 3.0" not in (metrics := live.client.get("/metrics").text):
            assert time.monotonic() < done, metrics
            time.sleep(0.02)
        assert 'r3d_requests_total{outcome="client-left"} 1.0' in metrics
