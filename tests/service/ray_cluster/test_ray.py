"""The service on a real, local Ray: replicas, one of them killed, and an archive."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.api.schemas import ClassifyAnswer
from service.web.page import STATIC

from ...support.processes import ROOT
from ...support.programs import json_lines
from ...support.ray_cluster import Cluster, archive, deploy, ray
from ...support.waiting import eventually
from .load import ask_on_and_on, busy

pytest.importorskip("ray")

SAMPLE = STATIC / "samples" / "zoom.mp4"
SECONDS = 60.0


@dataclass(frozen=True)
class Service:
    """The service on a cluster, two replicas of one CPU each."""

    cluster: Cluster
    url: str


@pytest.fixture(scope="module")
def service(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("ray")
    with ray(folder, cpus=4, dashboard=True, R3D_MODEL=str(model_directory)) as cluster:
        url = deploy(cluster, ROOT / "deploy" / "ray.yaml", folder, min_replicas=2, max_replicas=2, num_cpus=1)
        eventually(lambda: len(cluster.replicas()) == 2, SECONDS)
        yield Service(cluster, url)


def test_a_video_is_classified(service: Service) -> None:
    answer = httpx.post(f"{service.url}/classify?embedding=true", files={"file": SAMPLE.read_bytes()}, timeout=60)
    assert answer.status_code == 200
    told = ClassifyAnswer.model_validate_json(answer.content)
    assert told.label == "zoom in"
    assert {len(clip.embedding) for clip in told.clips if clip.embedding is not None} == {64}


def test_live_results_and_errors_pass_through(service: Service) -> None:
    headers = {"Accept": "application/x-ndjson"}
    with httpx.stream(
        "POST", f"{service.url}/classify", files={"file": SAMPLE.read_bytes()}, headers=headers
    ) as answer:
        events = [json.loads(line)["event"] for line in answer.iter_lines()]
    assert events == ["clip"] * 8 + ["result"]
    refused = httpx.post(f"{service.url}/classify", files={"file": b"text"})
    assert (refused.status_code, refused.json()["type"]) == (415, "urn:r3d:problem:unsupported-media")


def test_an_archive_goes_through_the_cluster(service: Service, model_directory: Path, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.mp4").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "bad.mp4").write_bytes(b"text")
    names = [
        str(tmp_path / name)
        for name in ("0.mp4", "1.mp4", "bad.mp4", "missing.mp4", *(f"{n}.mp4" for n in range(2, 6)))
    ]
    manifest, out = tmp_path / "list", tmp_path / "out.jsonl"
    manifest.write_text("\n".join(names))
    out.write_text(json.dumps({"file": names[0], "result": "kept"}) + "\n" + '{"torn')
    options = ["--from", str(manifest), "--out", str(out), "--replicas", "2", "--cpus", "1", "--embedding"]
    with archive(service.cluster, *options) as run:
        said = run.communicate(timeout=100)[1]
    assert run.returncode == 1, said
    assert f"{names[3]}: No such file or directory" in said
    records = {each["file"]: each for each in json_lines(out)}
    assert sorted(records) == sorted(names)
    assert records[names[0]]["result"] == "kept"
    assert records[names[2]]["problem"]["title"] == "Not a supported video"
    assert records[names[3]]["problem"]["title"] == "File cannot be read"
    assert all(records[name]["result"]["label"] == "zoom in" for name in (names[1], *names[4:]))
    assert {len(clip["embedding"]) for name in names[4:] for clip in records[name]["result"]["clips"]} == {64}


def test_replicas_share_the_load_and_one_may_die(service: Service) -> None:
    outcomes: Counter[str] = Counter()
    stop = threading.Event()
    threads = [threading.Thread(target=ask_on_and_on, args=(service.url, SAMPLE, stop, outcomes)) for _ in range(6)]
    pair = service.cluster.replicas()
    before = {process.pid: busy(process) for process in pair}
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: all(busy(process) - before[process.pid] > 0.2 for process in pair), SECONDS)
        assert service.cluster.replicas() == pair
        pair[0].kill()
        eventually(lambda: len(service.cluster.replicas()) == 2 and pair[0] not in service.cluster.replicas(), SECONDS)
        came_back = outcomes["good"]
        eventually(lambda: outcomes["good"] > came_back + 10, SECONDS)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(outcomes) <= {"good", "clean"}, outcomes
    assert outcomes["clean"] <= 6, "only what the lost replica had"
