"""What `/metrics` says after real requests, and that the dashboard shows only what is there."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.errors import ServiceError
from service.jobs.attempt import BACKEND_FAILED, DECODER_FAILED, STORAGE_FAILED
from service.settings import Settings
from service.telemetry.gpus import FIGURES

from ...support.live_server import LiveServer, StubServer
from ...support.waiting import eventually

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana-dashboard.json"


def samples_of(live: LiveServer) -> dict[str, float]:
    answer = live.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name
        + "".join(f",{value}" for key, value in sample.labels.items() if key in ("outcome", "stage", "le")): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted(model_directory: Path, video: Path) -> None:
    content = video.read_bytes()
    with StubServer(Settings(model=model_directory)) as live:
        before = samples_of(live)
        assert before["r3d_videos_total"] == before["r3d_batch_clips_count"] == 0
        assert live.post(content).status_code == 200
        assert live.post(content).status_code == 200
        assert live.post(b"text").status_code == 415
        assert live.post(content, top_k=100).status_code == 422
        after = samples_of(live)
    assert after["r3d_requests_total,ok"] == 2
    assert after["r3d_requests_total,unsupported-media"] == 1
    assert after["r3d_requests_total,bad-parameter"] == 1
    assert after["r3d_upload_bytes_total"] == 2 * len(content) + 4
    assert after["r3d_videos_total"] == 2
    assert after["r3d_clips_classified_total"] == 4
    assert after["r3d_frames_decoded_total"] == 128
    assert after["r3d_batch_clips_sum"] == 4
    assert after["r3d_clips_dropped_total"] == after["r3d_queue_clips"] == after["r3d_requests_in_progress"] == 0
    assert after["r3d_seconds_count,upload"] == 3
    assert after["r3d_seconds_count,decode"] == 2
    assert after["r3d_seconds_count,queue"] == after["r3d_seconds_count,inference"] == 4
    assert after["r3d_seconds_count,total"] == 4
    assert 0 < after["r3d_seconds_sum,decode"] < after["r3d_seconds_sum,total"]
    assert after["process_resident_memory_bytes"] > 0


def test_model_and_build_are_named(server: LiveServer) -> None:
    text = server.client.get("/metrics").text
    backend = server.client.get("/health").json()["model"]["backend"]
    assert re.search(rf'r3d_model_info\{{.*architecture="r3d_18".*backend="{backend}".*\}} 1.0', text)
    assert 'r3d_build_info{pyav="18' in text


@pytest.fixture(scope="module")
def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


@pytest.fixture(scope="module")
def alerts() -> list[str]:
    files = (yaml.safe_load((DEPLOY / "alerts" / f"{name}.yaml").read_text()) for name in ("faults", "capacity"))
    return [rule["expr"] for file in files for group in file["groups"] for rule in group["rules"]]


def test_the_dashboard_and_the_alerts_use_names_that_exist(
    server: LiveServer, expressions: list[str], alerts: list[str]
) -> None:
    families = list(text_string_to_metric_families(server.client.get("/metrics").text))
    there = {family.name for family in families if family.type == "gauge"}
    there |= {f"{family.name}_total" for family in families if family.type == "counter"}
    there |= {
        f"{family.name}_{part}"
        for family in families
        if family.type == "histogram"
        for part in ("bucket", "sum", "count")
    }
    there |= {f"{family.name}_info" for family in families if family.type == "info"}
    there |= {name for name, _, _ in FIGURES}  # where there is a driver
    used = {name for each in expressions + alerts for name in re.findall(r"\b(?:r3d|process)_[a-z_]+", each)}
    assert used <= there, used - there
    ours = {name for name in there if name.startswith("r3d_") and not name.endswith("_created")}
    hidden = {name for name in ours if not any(name in each for each in expressions)}
    assert not hidden - {"r3d_seconds_bucket"}, "every metric of ours is on the dashboard"
    stages = {stage for each in expressions + alerts for stage in re.findall(r'stage="([a-z]+)"', each)}
    assert stages <= {"upload", "decode", "queue", "inference", "total"}


def test_the_alerts_are_about_outcomes_that_there_are(alerts: list[str]) -> None:
    selectors = {found for each in alerts for found in re.findall(r'(\w+)\{[^}]*?outcome=~?"([^"]+)"', each)}
    kinds = [ServiceError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    of_requests, of_jobs = {kind.slug for kind in kinds}, {BACKEND_FAILED, DECODER_FAILED, STORAGE_FAILED}
    assert {metric for metric, _ in selectors} >= {"r3d_requests_total", "r3d_jobs_attempts_total"}
    for metric, names in selectors:
        assert set(names.split("|")) <= (of_jobs if metric == "r3d_jobs_attempts_total" else of_requests)


def test_readiness_and_decoders_are_gauges(gated: StubServer, video: Path) -> None:
    assert gated.metric("r3d_ready") == 1
    assert gated.metric("r3d_decoders") == 0
    gated.gate.close()
    with ThreadPoolExecutor(1) as thread:
        posting = thread.submit(gated.post, video.read_bytes())
        gated.gate.wait_held()
        assert gated.metric("r3d_decoders") == 1
        gated.gate.open()
        assert posting.result().status_code == 200


def test_saturation_is_1_where_all_is_busy_and_more_where_somebody_waits(gated: StubServer, video: Path) -> None:
    """The network takes one clip at a time, and one video's clips are there."""
    assert gated.metric("r3d_saturation") == 0
    gated.gate.close()
    with ThreadPoolExecutor(3) as threads:
        posting = [threads.submit(gated.post, video.read_bytes())]
        eventually(lambda: gated.metric("r3d_saturation") == 1)
        posting += [threads.submit(gated.post, video.read_bytes()) for _ in range(2)]
        eventually(lambda: gated.metric("r3d_saturation") == 3)
        gated.gate.open()
        assert {post.result().status_code for post in posting} == {200}
    assert gated.metric("r3d_saturation") == 0


def test_saturation_counts_places_too(model_directory: Path) -> None:
    with StubServer(Settings(model=model_directory, queue_clips=8)) as live:
        with live.lifecycle.admission.enter() as visit:
            visit.uploaded()
            assert live.metric("r3d_saturation") == 0.5, "one of two places"
        assert live.metric("r3d_saturation") == 0
