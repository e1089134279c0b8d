"""The benchmarks' own parts work; what they measure is not judged here."""

import json
from pathlib import Path

import av
import httpx
import pytest
import typer

from benchmarks.harness import report
from benchmarks.harness.load import Load, SteadyRate, press, running, service, watched
from benchmarks.harness.metrics import batch_sizes
from benchmarks.harness.timing import in_turn, median_ratio, percentile
from benchmarks.harness.videos import HLG, encode
from service.decoding.pixels import tone
from service.decoding.pixels.conversion import BT2020_MATRIX

from ..support.live_server import LiveServer


def test_runs_go_in_turn_after_a_round_that_is_not_counted() -> None:
    order: list[str] = []
    seconds = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4
    assert [len(measured) for measured in seconds.values()] == [3, 3]


def test_ratios_and_percentiles() -> None:
    assert median_ratio([1.0, 2.0, 1.0], [2.0, 2.0, 3.0]) == 2.0
    values = [float(value) for value in range(100)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50, 99, 7)


def test_the_video_in_high_dynamic_range_says_so(tmp_path: Path, video: Path) -> None:
    with av.open(encode(video, 120, tmp_path, HLG)) as container:
        frame = next(container.decode(video=0))
    assert (frame.format.name, frame.color_trc, frame.colorspace) == ("yuv420p10le", tone.HLG, BT2020_MATRIX)


def test_load_on_a_server_is_counted(server: LiveServer, video: Path) -> None:
    load = Load()
    steady = SteadyRate(server.url, 1.0)
    press(server.url, [video.read_bytes()], 2, 1.0, load)
    assert load.clips == 2 * len(load.latencies) > 0
    assert steady.result() > 0
    figures = load.figures()
    assert figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]


def test_batch_sizes_are_read_from_the_metrics(server: LiveServer, video: Path) -> None:
    load = Load()
    press(server.url, [video.read_bytes()], 1, 0.2, load)
    sizes = batch_sizes(server.url)
    batches, mean = sizes.pop("batches"), sizes.pop("mean")
    assert sum(sizes.values()) == batches > 0
    assert list(sizes) == ["up to 1"], "OpenVINO works on one clip at a time"
    assert mean == 1


def test_an_answer_that_is_an_error_ends_the_load(server: LiveServer) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        press(server.url, [b"text"], 2, 1.0, Load())


def test_a_server_is_started_watched_and_stopped(model_directory: Path, video: Path) -> None:
    load = Load()
    with service(model_directory, R3D_CPU_THREADS="1") as (process, url), watched(process, load):
        press(url, [video.read_bytes()], 1, 0.5, load)
    assert load.peak > 10e6
    assert not process.is_running()
    with pytest.raises(RuntimeError, match="did not start"), running(["false"]):
        pass


def test_figures_go_to_a_table_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(videos: report.Videos, json: report.Json = None, plot: report.Plot = None) -> None:
        assert [video.name for video in videos] == ["a.mp4"]
        report.finish("speed", [{"runner": "us", "ms": 1.5}], "runner", ["ms"], json, plot)

    (tmp_path / "a.mp4").touch()
    app = typer.Typer()
    app.command()(run)
    app([str(tmp_path / "a.mp4"), "--json", str(tmp_path / "out.json")], standalone_mode=False)
    assert "us" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["figures"] == [{"runner": "us", "ms": 1.5}]
    assert found["machine"]["cpus"] >= 1
