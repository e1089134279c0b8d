"""A cluster of two nodes, one of which is lost under load."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.web.page import STATIC

from ...support.programs import json_lines
from ...support.ray_cluster import Cluster, another_node, archive, kill_node, ray, serve, titled
from ...support.waiting import eventually
from .load import SECONDS, ask_on_and_on, busy

pytest.importorskip("ray")
# Two Rays are started for each test, and each of their processes imports Ray.
pytestmark = pytest.mark.timeout(240)

SAMPLE = STATIC / "samples" / "zoom.mp4"
FILES = 16


@pytest.fixture(scope="module")
def cluster(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Its first node, with one CPU."""
    with ray(tmp_path_factory.mktemp("ray"), cpus=1, R3D_MODEL=str(model_directory)) as running:
        yield running


def lines(out: Path) -> int:
    return out.read_bytes().count(b"\n") if out.exists() else 0


def test_an_archive_outlives_a_node(cluster: Cluster, tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.mp4" for number in range(FILES)]
    for name in names:
        name.symlink_to(SAMPLE)
    listed, out = tmp_path / "list", tmp_path / "out.jsonl"
    listed.write_text("\n".join(map(str, names)))

    def pipelines() -> list[psutil.Process]:
        return [process for node in (cluster.head, second) for process in titled(node, "ray::Pipeline")]

    options = ["--from", str(listed), "--out", str(out), "--replicas", "2", "--cpus", "1"]
    with another_node(cluster, cpus=1) as second, archive(cluster, *options) as run:
        try:
            eventually(lambda: titled(cluster.head, "ray::Pipeline") and titled(second, "ray::Pipeline"), SECONDS)
            eventually(lambda: lines(out) > 2, SECONDS)
            before = {process: busy(process) for process in pipelines()}
            eventually(lambda: all(busy(process) - seconds > 0.2 for process, seconds in before.items()), SECONDS)
            kill_node(second)
            assert lines(out) < FILES, "it was through before the node was lost"
            said = run.communicate(timeout=90)[1]
        finally:
            run.kill()
    assert run.returncode == 0, said
    assert "an actor was lost" in said
    records = json_lines(out)
    assert sorted(record["file"] for record in records) == sorted(map(str, names))
    assert {record["result"]["label"] for record in records} == {"zoom in"}


def test_the_service_outlives_a_node(cluster: Cluster) -> None:
    outcomes: Counter[str] = Counter()
    stop = threading.Event()
    arguments = ("min_replicas=2", "max_replicas=2", "num_cpus=1")
    with (
        another_node(cluster, cpus=1) as second,
        serve(cluster, "service.ray_cluster.serve:app", *arguments) as url,
    ):
        eventually(lambda: cluster.replicas() and titled(second, "ServeReplica:"), SECONDS)
        [there] = titled(second, "ServeReplica:")
        before = busy(there)
        threads = [threading.Thread(target=ask_on_and_on, args=(url, SAMPLE, stop, outcomes)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: busy(there) - before > 0.2, SECONDS)
            kill_node(second)
            alone = outcomes["good"]
            eventually(lambda: outcomes["good"] > alone + 10, SECONDS)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert set(outcomes) <= {"good", "clean"}, outcomes
    assert outcomes["clean"] <= len(threads), "only what the lost node had"
