"""The service on a real, local Ray: replicas, one of them killed, and an archive."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from service.api.schemas import ClassifyAnswer
from service.web.page import STATIC

pytest.importorskip("ray")

SAMPLE = STATIC / "samples" / "zoom.mp4"
PORT = 18765
URL = f"http://127.0.0.1:{PORT}"
ENVIRONMENT = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "service.ray_cluster.proxy:middlewares",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


def replicas() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "ServeReplica:" in " ".join(process.info["cmdline"] or ()):
            found.append(process)
    return found


@pytest.fixture(scope="module")
def cluster(model_directory: Path) -> Iterator[str]:
    """Ray with four CPUs, and `serve run` with two replicas of one CPU each."""
    environment = os.environ | ENVIRONMENT | {"R3D_MODEL": str(model_directory)}
    ray, serve = (str(Path(sys.executable).with_name(name)) for name in ("ray", "serve"))
    start = [ray, "start", "--head", "--num-cpus=4", "--include-dashboard=false", "--disable-usage-stats"]
    subprocess.run(start, env=environment, check=True, capture_output=True, timeout=60)
    http = [serve, "start", "--http-port", str(PORT)]
    subprocess.run(http, env=environment, check=True, capture_output=True, timeout=60)
    arguments = ["min_replicas=2", "max_replicas=2", "num_cpus=1"]
    command = [serve, "run", "--address", "auto", "service.ray_cluster.serve:app", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: len(replicas()) == 2 and answers())
            yield URL
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            subprocess.run([ray, "stop", "--force"], env=environment, check=False, capture_output=True, timeout=60)


def answers() -> bool:
    try:
        return httpx.get(f"{URL}/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def test_a_video_is_classified(cluster: str) -> None:
    answer = httpx.post(f"{cluster}/classify", files={"file": SAMPLE.read_bytes()}, timeout=60)
    assert answer.status_code == 200
    assert ClassifyAnswer.model_validate_json(answer.content).label == "zoom in"


def test_live_results_and_errors_pass_through(cluster: str) -> None:
    headers = {"Accept": "application/x-ndjson"}
    with httpx.stream("POST", f"{cluster}/classify", files={"file": SAMPLE.read_bytes()}, headers=headers) as answer:
        events = [json.loads(line)["event"] for line in answer.iter_lines()]
    assert events == ["clip"] * 8 + ["result"]
    refused = httpx.post(f"{cluster}/classify", files={"file": b"text"})
    assert (refused.status_code, refused.json()["type"]) == (415, "urn:r3d:problem:unsupported-media")


def test_an_archive_goes_through_the_cluster(cluster: str, model_directory: Path, tmp_path: Path) -> None:
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
    command = [
        sys.executable,
        "-m",
        "service.ray_cluster.batch",
        str(manifest),
        str(out),
        "--replicas",
        "2",
        "--cpus",
        "1",
    ]
    environment = os.environ | ENVIRONMENT | {"RAY_ADDRESS": "auto", "R3D_MODEL": str(model_directory)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    records = {each["file"]: each for each in map(json.loads, out.read_text().splitlines())}
    assert sorted(records) == sorted(names)
    assert records[names[0]]["result"] == "kept"
    assert records[names[2]]["problem"]["title"] == "Not a supported video"
    assert records[names[3]]["problem"]["title"] == "File cannot be read"
    assert all(records[name]["result"]["label"] == "zoom in" for name in (names[1], *names[4:]))


def test_replicas_share_the_load_and_one_may_die(cluster: str) -> None:
    content = SAMPLE.read_bytes()
    outcomes: Counter[str] = Counter()
    stop = threading.Event()

    def client() -> None:
        with httpx.Client(timeout=60) as session:
            while not stop.is_set():
                answer = session.post(f"{cluster}/classify", files={"file": content})
                good = answer.status_code == 200 and answer.json()["label"] == "zoom in"
                clean = answer.status_code == 503 and "Retry-After" in answer.headers and answer.json()["detail"]
                outcomes["good" if good else "clean" if clean else answer.text[:200]] += 1

    def busy(process: psutil.Process) -> float:
        return float(sum(process.cpu_times()[:2]))

    threads = [threading.Thread(target=client) for _ in range(6)]
    before = {process.pid: busy(process) for process in replicas()}
    for thread in threads:
        thread.start()
    try:
        time.sleep(4)
        pair = replicas()
        assert all(busy(process) - before[process.pid] > 0.2 for process in pair), "both work"
        os.kill(pair[0].pid, signal.SIGKILL)
        wait_for(lambda: len(replicas()) == 2 and pair[0].pid not in {each.pid for each in replicas()})
        came_back = outcomes["good"]
        wait_for(lambda: outcomes["good"] > came_back + 10)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(outcomes) <= {"good", "clean"}, outcomes
    assert outcomes["clean"] <= 6, "only what the lost replica had"
