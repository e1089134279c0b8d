"""The comparison with other servers: what it posts, how it counts and what its table says."""

import dataclasses
import importlib.util
from pathlib import Path

import cv2
import pytest
import typer

from benchmarks.harness import hostile, peers
from benchmarks.harness.hostile import HostileFile, hostile_files, large_pictures
from benchmarks.harness.load import Load, running
from benchmarks.harness.peers import OURS, PEERS, Peer, Served
from benchmarks.harness.source import code_lines
from benchmarks.harness.trial import Trial, Work
from benchmarks.peers import chosen, decided, measure, rows
from benchmarks.servers.video import NotAVideoError, clips
from engine_builder.manifest import Manifest

from ..support.live_server import LiveServer
from ..support.videos import write_video


def trial(clips: int, hostile: dict[str, str] | None = None) -> Trial:
    load = Load([0.5, 1.5], clips, 2.0, 100_000_000, 150_000_000)
    return Trial(load, [1.0, 3.0, 2.0], [0.1], [0.2, 0.4], hostile=hostile or {})


def test_rows_say_how_much_faster_ours_is_and_why_one_is_missing() -> None:
    trials = {
        OURS: trial(30, {"text": "415, 0.0 s"}),
        "plain": trial(20, {"text": "none in 15 s"}),
        "litserve": Trial(fault="not installed (litserve)"),
    }
    ours, plain, litserve = rows({name: PEERS[name] for name in trials}, trials)
    assert list(ours) == list(plain) == list(litserve)
    assert (ours["clips/s"], ours["ours / it"], ours["lines"]) == (15.0, 1.0, "package")
    assert (plain["clips/s"], plain["ours / it"], plain["text"]) == (10.0, 1.5, "none in 15 s")
    assert (plain["p50"], plain["p99"], plain["2 s alone"], plain["beside 10 min"]) == (1000, 1500, 100, 300)
    assert (plain["MB"], plain["start s"]) == (50, 2.0)
    assert (litserve["clips/s"], litserve["p50"]) == ("not installed (litserve)", "-")


def test_without_ours_there_is_no_ratio() -> None:
    [row] = rows({"plain": PEERS["plain"]}, {"plain": trial(20)})
    assert row["ours / it"] == "-"


def test_a_short_video_that_got_no_answer_beside_a_long_one_is_said() -> None:
    unanswered = trial(20)
    unanswered.unanswered = True
    assert unanswered.figures()["beside 10 min"] == "none in 60 s"


def test_servers_are_chosen_by_name_and_by_what_they_can_run() -> None:
    assert list(chosen("plain,ours", "openvino")) == ["plain", "ours"]
    assert list(chosen("", "onnxruntime")) == ["ours", "onnxruntime"]
    assert "onnxruntime" not in chosen("", "openvino")
    with pytest.raises(typer.BadParameter, match="no server django for openvino"):
        chosen("django,ours", "openvino")


def test_what_is_not_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    bentoml = dataclasses.replace(PEERS["bentoml"], environment=tmp_path / ".venv-bentoml")
    assert PEERS["litserve"].missing() == "not installed (litserve)"
    assert PEERS["plain"].missing() is None
    assert bentoml.missing() == "not installed (make .venv-bentoml)"
    (tmp_path / ".venv-bentoml").mkdir()
    assert bentoml.missing() is None


def test_a_server_that_does_not_start_is_a_row_and_no_end_of_the_run(
    served: Served, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile, "large_pictures", lambda folder: large_pictures(folder, 64))
    broken = Peer("broken", lambda _: running(["false"]))
    found = measure({"broken": broken}, served, work, 2)
    assert found["broken"].fault == "false did not start"
    assert found["broken"].starts == found["broken"].alone == []
    assert found["broken"].hostile == {}


def test_lines_of_code_are_those_with_code(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        '"""A\nprogram."""\n\n# A comment.\nimport os\n\n\ndef f():\n    """Doc."""\n    return """x\ny"""\n'
    )
    assert code_lines(program) == 4
    assert PEERS[OURS].lines == "package"
    assert int(PEERS["plain"].lines) == sum(
        code_lines(peers.SERVERS / file) for file in ("fastapi_openvino.py", "network.py", "video.py")
    )


def test_the_playlists_are_ones_that_opencv_follows(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "large_pictures", lambda folder: large_pictures(folder, 64))
    with hostile_files(video) as files:
        by_name = {file.name: file for file in files}
        # As two servers keep an upload: under its client's name, and in the system's temporary directory.
        kept = by_name["concat list"].path.rename(by_name["concat list"].path.parents[1] / "upload")
        read = {path: cv2.VideoCapture(str(path)).read()[0] for path in (by_name["HLS list"].path, kept)}
        kept.unlink()
        assert all(read.values())
        assert list(by_name) == ["text", "cut mp4", "HLS list", "concat list", "64 x 64"]
        assert [name for name, file in by_name.items() if file.steals] == ["HLS list", "concat list"]
        for name in ("text", "cut mp4"):
            with pytest.raises(NotAVideoError):
                list(clips(by_name[name].path))
    assert not by_name["text"].path.exists()


def test_the_large_pictures_are_more_than_a_clip(tmp_path: Path) -> None:
    assert len(list(clips(large_pictures(tmp_path, 64).path))) == 1


def test_a_hostile_file_is_told_by_its_status_or_as_read(server: LiveServer, video: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("hello\n" * 100)
    assert HostileFile("text", text, "text.mp4").try_on(server.url).startswith("415, 0.")
    assert HostileFile("list", video, "list.m3u8", steals=True).try_on(server.url) == "read a file"
    assert HostileFile("text", text, "text.mp4").try_on("http://127.0.0.1:1") == "connection lost"


@pytest.fixture(scope="module")
def served(model_directory: Path) -> Served:
    return Served(Path("no.wts"), model_directory, "openvino", "fp32")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    short = write_video(tmp_path_factory.mktemp("work") / "short.mp4", 40, size=(64, 48))
    return Work([short], short, short, 1, 0.2)


def test_the_precision_decides_which_graph_all_serve(served: Served, model_directory: Path) -> None:
    assert decided(model_directory, "openvino", "fp32") == "fp32"
    assert served.network == model_directory / Manifest.load(model_directory).onnx["fp32"].file


def test_the_plain_server_is_measured(served: Served, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.harness.trial.LEAD_SECONDS", 0)
    found = Trial()
    found.round(PEERS["plain"], served, work)
    assert found.fault is None
    assert found.load.clips == len(found.load.latencies) > 0
    assert found.beside
    text = work.short.with_name("text.mp4")
    text.write_text("hello")
    found.harass(PEERS["plain"], served, [HostileFile("text", text, "text.mp4")])
    assert found.hostile["text"].startswith("422, ")
    assert found.figures()["text"] == found.hostile["text"]
