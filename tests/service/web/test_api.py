"""The HTTP interface, through a real server."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from engine_builder.manifest import Manifest
from service.inference.selection import choose
from service.settings import Settings

from ...support.client import problem
from ...support.live_server import LiveServer, StubServer, uploads
from ...support.videos import write_video

CLASSIFY_STATUSES = "200 202 400 401 406 408 409 413 415 422 429 431 500 503 504 507"


def test_health(server: LiveServer, manifest: Manifest, model_directory: Path) -> None:
    answer = server.client.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["reason"]) == ("ready", "ready")
    assert body["model"]["weights_sha256"] == manifest.weights_sha256
    chosen = choose(Settings(model=model_directory), model_directory, manifest)
    assert (body["model"]["backend"], body["model"]["precision"]) == (chosen.package, chosen.precision)
    assert body["backend_reason"] == chosen.reason
    assert body["jobs"] is True
    assert server.client.get("/health/live").json() == {"status": "alive"}


def test_labels(server: LiveServer, manifest: Manifest) -> None:
    assert server.client.get("/labels").json() == {"labels": list(manifest.labels)}


def test_classify(server: LiveServer, video: Path, manifest: Manifest) -> None:
    response = server.post(video.read_bytes())
    assert response.status_code == 200
    body = response.json()
    decided = ["label", "label_index", "votes", "confidence", "warnings", "top", "segments"]
    assert list(body) == [*decided, "clips", "sampling", "video", "model", "timing"]
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
    assert body["confidence"] == pytest.approx(mean, abs=1.5e-6)  # each is rounded to six digits
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
    assert body["timing"].pop("decoder") == "cpu"
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
    path = write_video(tmp_path / "a.avi", 33, ("-c:v", "huffyuv"))
    assert "huffyuv" in problem(server.post(path.read_bytes()), 415, "unsupported-media")


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
    form = {"content-type": "application/x-www-form-urlencoded"}  # what `curl --data-binary` says by itself
    assert "Content-Type" in problem(post("/classify", content=video.read_bytes(), headers=form), 400, "bad-upload")
    problem(post("/classify", files={"video": b"x"}), 400, "bad-upload")
    two = [("file", ("a", b"x")), ("file", ("b", b"y"))]
    assert "several" in problem(post("/classify", files=two), 400, "bad-upload")


@pytest.mark.parametrize("content_type", ["video/mp4", "application/octet-stream"])
def test_a_video_as_the_whole_body(server: LiveServer, video: Path, content_type: str) -> None:
    def post(content: bytes) -> httpx.Response:
        return server.client.post("/classify", content=content, headers={"Content-Type": content_type})

    answer = post(video.read_bytes())
    assert answer.status_code == 200
    assert answer.json()["segments"] == server.post(video.read_bytes()).json()["segments"]
    problem(post(b""), 422, "video-undecodable")
    problem(post(b"text"), 415, "unsupported-media")
    assert uploads() == []


def test_the_versioned_path_is_the_same(stub_server: StubServer, video: Path) -> None:
    before = stub_server.metric("r3d_requests_total", outcome="ok") or 0
    answers = [
        stub_server.client.post(path, files={"file": video.read_bytes()}) for path in ("/v1/classify", "/classify")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["clips"] == answers[1].json()["clips"]
    assert stub_server.metric("r3d_requests_total", outcome="ok") == before + 2
    problem(stub_server.client.post("/v1/classify?frames=1", files={"file": video.read_bytes()}), 422, "bad-parameter")
    problem(stub_server.client.get("/v1/classify"), 405, "method-not-allowed")


@pytest.mark.parametrize("form", ["json", "csv", "vtt"])
def test_stages_are_told_as_server_timing(stub_server: StubServer, video: Path, form: str) -> None:
    header = stub_server.post(video.read_bytes(), format=form).headers["server-timing"]
    spent = {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", header)}
    assert list(spent) == ["upload", "decode", "queue", "inference", "total"]
    assert 0 < spent["decode"] < spent["total"]


def test_unknown_paths_and_methods(server: LiveServer) -> None:
    problem(server.client.get("/nowhere"), 404, "not-found")
    problem(server.client.get("/classify"), 405, "method-not-allowed")


def test_docs_and_openapi(server: LiveServer) -> None:
    assert server.client.get("/docs").status_code == 200
    paths = server.client.get("/openapi.json").json()["paths"]
    protocol = {"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{name}", "/v2/models/{name}/ready"}
    jobs = {"/v1/jobs", "/v1/jobs/{job_id}"}
    assert set(paths) == {"/v1/classify", "/health", "/health/live", "/labels", "/metrics", *jobs, *protocol}
    classify = paths["/v1/classify"]["post"]
    assert set(classify["responses"]) == set(CLASSIFY_STATUSES.split())
    formats = {"application/json", "application/x-ndjson", "text/csv", "text/vtt", "application/x-subrip"}
    assert set(classify["responses"]["200"]["content"]) == formats
    assert set(classify["requestBody"]["content"]) == {"multipart/form-data", "application/octet-stream", "video/*"}
    sampled = {"frame_rate", "clips", "stride", "start", "end", "tail", "aggregate", "threshold", "embedding"}
    headers = {"Prefer", "Idempotency-Key", "webhook"}
    assert {parameter["name"] for parameter in classify["parameters"]} == {
        "top_k",
        "format",
        "view",
        *sampled,
        *headers,
    }


def test_uploads_leave_no_file(server: LiveServer, video: Path) -> None:
    assert server.post(video.read_bytes()).status_code == 200
    assert server.post(b"text").status_code == 415
    assert server.client.post("/classify", files={"video": b"x"}).status_code == 400
    assert uploads() == []


def test_many_clients_at_once(server: LiveServer, tmp_path: Path) -> None:
    content = write_video(tmp_path / "a.mp4", 32).read_bytes()

    def client(_: int) -> list[str]:
        bodies = [server.post(content).json() for _ in range(3)]
        return [json.dumps([body["label"], [clip["top"] for clip in body["clips"]]]) for body in bodies]

    with ThreadPoolExecutor(8) as threads:
        answers = [answer for found in threads.map(client, range(8)) for answer in found]
    assert len(answers) == 24
    assert len(set(answers)) == 1
