"""The HTTP interface, through a real server."""

import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine_builder.manifest import Frames, Manifest
from service.inference.backends.protocol import Backend
from service.settings import Settings
from service.web.uploads.spool import LOCK, PREFIX

from ...support.live_server import LiveServer
from ...support.stubs import BrightnessBackend, factory_of
from ...support.videos import write_video


def problem(response: httpx.Response, status: int, slug: str) -> str:
    """Check that this is the documented error; its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"] == f"urn:r3d:problem:{slug}"
    assert body["title"]
    return str(body["detail"])


def test_health(server: LiveServer, manifest: Manifest) -> None:
    answer = server.client.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["reason"]) == ("ready", "ready")
    assert body["model"]["weights_sha256"] == manifest.weights_sha256
    assert body["model"]["backend"] == "openvino"
    assert server.client.get("/health/live").json() == {"status": "alive"}


def test_labels(server: LiveServer, manifest: Manifest) -> None:
    assert server.client.get("/labels").json() == {"labels": list(manifest.labels)}


def test_classify(server: LiveServer, video: Path, manifest: Manifest) -> None:
    response = server.post(video.read_bytes())
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["label", "label_index", "votes", "confidence", "clips", "video", "model", "timing"]
    assert manifest.labels[body["label_index"]] == body["label"]
    assert [clip["index"] for clip in body["clips"]] == [0, 1]
    first, second = body["clips"]
    assert (first["start_frame"], first["end_frame"], second["start_frame"]) == (0, 32, 32)
    assert (first["start_seconds"], first["end_seconds"]) == (0, pytest.approx(1.28))
    for clip in body["clips"]:
        assert len(clip["top"]) == 5
        assert clip["top"][0] == {key: clip[key] for key in ("label", "label_index", "probability")}
        assert [top["probability"] for top in clip["top"]] == sorted(
            (top["probability"] for top in clip["top"]), reverse=True
        )
    mean = sum(clip["video_label_probability"] for clip in body["clips"]) / 2
    assert body["confidence"] == pytest.approx(mean)
    assert body["votes"] == sum(clip["label"] == body["label"] for clip in body["clips"])
    assert body["video"] == {
        "frames": 75,
        "frames_used": 64,
        "partial": False,
        "codec": "h264",
        "width": 320,
        "height": 240,
        "frame_rate": 25.0,
        "duration_seconds": pytest.approx(3.0),
    }
    assert body["model"]["name"] == "camera-motion"
    assert all(value >= 0 for value in body["timing"].values())
    assert body["timing"]["total_ms"] >= body["timing"]["upload_ms"]


def test_probabilities_sum_to_one(server: LiveServer, video: Path) -> None:
    body = server.post(video.read_bytes(), top_k=9).json()
    for clip in body["clips"]:
        assert sum(top["probability"] for top in clip["top"]) == pytest.approx(1, abs=1e-4)


def test_frame_rate(server: LiveServer, video: Path) -> None:
    assert len(server.post(video.read_bytes(), frame_rate=50).json()["clips"]) == 4
    body = server.post(video.read_bytes(), frame_rate=12.5).json()
    assert [(clip["start_frame"], clip["end_frame"]) for clip in body["clips"]] == [(0, 63)]
    detail = problem(server.post(video.read_bytes(), frame_rate=5), 422, "video-too-short")
    assert "at 5 frames/s" in detail


@pytest.mark.parametrize(("frames", "clips"), [(32, 1), (33, 1), (64, 2)])
def test_clip_counts(server: LiveServer, tmp_path: Path, frames: int, clips: int) -> None:
    body = server.post(write_video(tmp_path / "a.mp4", frames).read_bytes()).json()
    assert (len(body["clips"]), body["video"]["frames"]) == (clips, frames)


def test_31_frames_fail_clearly(server: LiveServer, tmp_path: Path) -> None:
    response = server.post(write_video(tmp_path / "a.mp4", 31).read_bytes())
    assert problem(response, 422, "video-too-short") == "31 frames decoded; a clip takes 32"
    assert "connection" not in response.headers


@pytest.mark.parametrize(
    ("content", "status", "slug"),
    [
        (b"", 422, "video-undecodable"),
        (b"just text\n", 415, "unsupported-media"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 500, 422, "video-undecodable"),
    ],
)
def test_files_that_are_no_video(server: LiveServer, content: bytes, status: int, slug: str) -> None:
    problem(server.post(content), status, slug)


def test_a_codec_that_is_not_taken(server: LiveServer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", 33, ("-c:v", "prores"))
    assert "apch" in problem(server.post(path.read_bytes()), 415, "unsupported-media")


@pytest.mark.parametrize(
    "parameters",
    [{"top_k": 0}, {"top_k": 10}, {"top_k": "x"}, {"frame_rate": 0}, {"frame_rate": -1}, {"frame_rate": "nan"},
     {"frame_rate": "inf"}, {"frame_rate": 1001}],
)  # fmt: skip
def test_bad_parameters(server: LiveServer, video: Path, parameters: dict[str, str | int]) -> None:
    detail = problem(server.post(video.read_bytes(), **parameters), 422, "bad-parameter")
    assert next(iter(parameters)) in detail


def test_bad_uploads(server: LiveServer, video: Path) -> None:
    post = server.client.post
    problem(post("/classify"), 400, "bad-upload")
    problem(post("/classify", content=video.read_bytes(), headers={"content-type": "video/mp4"}), 400, "bad-upload")
    problem(post("/classify", files={"video": b"x"}), 400, "bad-upload")
    two = [("file", ("a", b"x")), ("file", ("b", b"y"))]
    assert "several" in problem(post("/classify", files=two), 400, "bad-upload")


def test_unknown_paths_and_methods(server: LiveServer) -> None:
    problem(server.client.get("/nowhere"), 404, "not-found")
    problem(server.client.get("/classify"), 405, "method-not-allowed")


def test_docs_and_openapi(server: LiveServer) -> None:
    assert server.client.get("/docs").status_code == 200
    paths = server.client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/classify", "/health", "/health/live", "/labels", "/metrics"}
    classify = paths["/classify"]["post"]
    assert set(classify["responses"]) == {
        "200",
        "400",
        "401",
        "408",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
        "504",
        "507",
    }
    assert set(classify["responses"]["200"]["content"]) == {"application/json", "application/x-ndjson"}
    assert "multipart/form-data" in classify["requestBody"]["content"]
    assert {parameter["name"] for parameter in classify["parameters"]} == {"top_k", "frame_rate"}


def test_uploads_leave_no_file(server: LiveServer, video: Path) -> None:
    def leftovers() -> list[Path]:
        return [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/*") if path.name != LOCK]

    assert server.post(video.read_bytes()).status_code == 200
    assert server.post(b"text").status_code == 415
    assert server.client.post("/classify", files={"video": b"x"}).status_code == 400
    assert leftovers() == []


def test_too_large_is_refused_at_the_limit(model_directory: Path, manifest: Manifest, video: Path) -> None:
    body = httpx.Request("POST", "http://x", files={"file": ("clip.mp4", video.read_bytes())}).read()
    for limit, status in ((len(body), 200), (len(body) - 1, 413)):
        settings = Settings(model=model_directory, max_upload_bytes=limit)
        with LiveServer(settings, factory_of(BrightnessBackend())) as live:
            live.wait_ready()
            assert live.post(video.read_bytes()).status_code == status


def test_starting_then_ready(model_directory: Path, video: Path) -> None:
    go = threading.Event()

    def factory() -> Backend:
        assert go.wait(20)
        return BrightnessBackend()

    with LiveServer(Settings(model=model_directory), factory) as live:
        assert live.client.get("/health").status_code == 503
        assert live.wait_ready("starting").json()["model"] is None
        problem(live.post(video.read_bytes()), 503, "not-ready")
        problem(live.client.get("/labels"), 503, "not-ready")
        go.set()
        live.wait_ready()
        assert live.post(video.read_bytes()).status_code == 200


def test_draining_before_the_model_is_loaded(model_directory: Path) -> None:
    go = threading.Event()

    def factory() -> Backend:
        assert go.wait(20)
        return BrightnessBackend()

    with LiveServer(Settings(model=model_directory), factory) as live:
        live.lifecycle.drain()
        health = live.wait_ready("draining")
        assert (health.status_code, health.json()["model"]) == (503, None)
        go.set()


def test_a_backend_that_breaks_is_seen_in_health(model_directory: Path, video: Path) -> None:
    armed = threading.Event()

    def before(_: Frames) -> None:
        if armed.is_set():
            raise RuntimeError("device lost")

    with LiveServer(Settings(model=model_directory), factory_of(BrightnessBackend(before=before))) as live:
        live.wait_ready()
        armed.set()
        statuses = [live.post(video.read_bytes()).status_code for _ in range(5)]
        assert statuses[0] == 500
        assert statuses[-1] == 503
        health = live.wait_ready("failed")
        assert health.status_code == 503
        assert "device lost" in health.json()["reason"]


def test_the_queue_is_bounded(model_directory: Path, video: Path) -> None:
    go, entered = threading.Event(), threading.Event()
    armed = threading.Event()

    def before(_: Frames) -> None:
        if armed.is_set():
            entered.set()
            assert go.wait(20)

    settings = Settings(model=model_directory, queue_clips=4)
    with LiveServer(settings, factory_of(BrightnessBackend(before=before))) as live:
        live.wait_ready()
        armed.set()
        found: list[int] = []
        first = threading.Thread(target=lambda: found.append(live.post(video.read_bytes()).status_code))
        first.start()
        assert entered.wait(20)
        refused = live.post(video.read_bytes())
        problem(refused, 429, "queue-full")
        assert "connection" not in refused.headers, "the body was read past"
        assert int(refused.headers["retry-after"]) >= 1
        go.set()
        first.join(20)
        assert found == [200]


def test_the_deadline_ends_a_request(model_directory: Path, video: Path) -> None:
    go, armed = threading.Event(), threading.Event()

    def before(_: Frames) -> None:
        if armed.is_set():
            assert go.wait(20)

    settings = Settings(model=model_directory, request_timeout_seconds=0.5)
    with LiveServer(settings, factory_of(BrightnessBackend(before=before))) as live:
        live.wait_ready()
        armed.set()
        problem(live.post(video.read_bytes()), 504, "deadline")
        go.set()


def test_many_clients_at_once(server: LiveServer, video: Path) -> None:
    content = video.read_bytes()
    bodies: list[str] = []

    def client() -> None:
        for _ in range(3):
            body = server.post(content).json()
            bodies.append(json.dumps([body["label"], [clip["top"] for clip in body["clips"]]]))

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 24
    assert len(set(bodies)) == 1
