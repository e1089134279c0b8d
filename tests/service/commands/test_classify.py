"""`r3d-classify` on archives and against a service."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.api.schemas import ClassifyAnswer
from service.batch.outcome import Refusal
from service.batch.remote import CountedFile, wait_of
from service.batch.results_file import files_in, open_results
from service.commands.progress import RunProgress, progress_bars
from service.errors import StartupError
from service.settings import Settings

from ...support.live_server import LiveServer
from ...support.stubs import BrightnessBackend, factory_of
from ...support.videos import write_video

PROGRAM = str(Path(sys.executable).with_name("r3d-classify"))


def classify(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False, env=os.environ | environment
    )


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """Twelve videos, one bad, one missing."""
    first = write_video(tmp_path / "0.mp4", 320)
    for number in range(1, 10):
        (tmp_path / f"{number}.mp4").write_bytes(first.read_bytes())
    (tmp_path / "10.mp4").write_bytes(b"text")
    return [tmp_path / f"{number}.mp4" for number in range(12)]


def test_an_archive_is_killed_and_goes_on(model_directory: Path, many: list[Path], tmp_path: Path) -> None:
    manifest, out = tmp_path / "list.txt", tmp_path / "out.jsonl"
    manifest.write_text("\n".join(map(str, many)) + "\n\n")
    command = [PROGRAM, "--from", str(manifest), "--out", str(out), "--model", str(model_directory), "--jobs", "2"]
    kills = 0
    while kills < 3:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            before = len(records(out)) if out.exists() else 0
            while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < before + 2):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        kills += 1
    assert 0 < len(records(out)) < 12
    with out.open("ab") as stream:
        stream.write(b'{"file": "torn')
    done = classify(*command[1:])
    assert done.returncode == 1
    assert "10.mp4: this is text" in done.stderr or any("10.mp4" in str(each["file"]) for each in records(out))
    found = records(out)
    assert sorted(str(each["file"]) for each in found) == sorted(map(str, many))
    failed = {Path(str(each["file"])).name: each["problem"] for each in found if "problem" in each}
    assert failed["10.mp4"]["title"] == "Not a supported video"  # type: ignore[index]
    assert failed["11.mp4"]["title"] == "File cannot be read"  # type: ignore[index]
    assert len(failed) == 2
    for each in found:
        if "result" in each:
            assert len(ClassifyAnswer.model_validate(each["result"]).clips) == 10
    again = classify(*command[1:])
    assert (again.returncode, len(records(out))) == (0, 12)


def test_a_results_file_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_results(path), pytest.raises(StartupError, match="another run"), open_results(path):
        pass


def test_other_files_are_not_written_to(tmp_path: Path, video: Path) -> None:
    precious = tmp_path / "diary.txt"
    precious.write_text("Dear diary\n")
    done = classify("--out", str(precious), str(video))
    assert (done.returncode, precious.read_text()) == (2, "Dear diary\n")
    assert "not a file of results" in done.stderr


def test_an_archive_remembers(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_results(path) as archive:
        archive.add(Path("a"), Refusal("urn:x", "Bad", 422, "very bad"))
    with path.open("ab") as stream:
        stream.write(b'{"file": "b", "resu')
    with open_results(path) as archive:
        assert archive.done == {"a"}
        archive.add(Path("b"), Refusal("urn:x", "Bad", 422, "very bad"))
    assert [each["file"] for each in records(path)] == ["a", "b"]


def test_a_manifest_names_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a.mp4\n\n  b c.mp4 \na.mp4\n")
    assert files_in(tmp_path / "list") == [Path("a.mp4"), Path("b c.mp4")]


def test_a_manifest_from_standard_input(model_directory: Path, video: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "--json", "--model", str(model_directory), "--from", "-"],
        input=f"{video}\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["video"]["frames"] == 75


def test_pace_tells_rate_and_time_left() -> None:
    pace = RunProgress(10, progress_bars())
    pace.advance()
    assert re.fullmatch(r"1 of 10 files, [\d.e+]+ a second, [\d.]+ minutes left", pace.text())


@pytest.fixture
def locked(model_directory: Path) -> Iterator[LiveServer]:
    settings = Settings(model=model_directory, api_key=SecretStr("a long key"))
    with LiveServer(settings, factory_of(BrightnessBackend())) as live:
        live.wait_ready()
        yield live


def test_a_service_classifies(locked: LiveServer, video: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"text")
    files = [str(video), str(tmp_path / "bad.mp4")]
    done = classify("--server", locked.url, "--json", "--top-k", "2", *files, R3D_API_KEY="a long key")
    assert done.returncode == 1
    answer = ClassifyAnswer.model_validate_json(done.stdout)
    assert (len(answer.clips), len(answer.clips[0].top), answer.model.backend) == (2, 2, "brightness")
    assert f"{tmp_path}/bad.mp4: this is text" in done.stderr


def test_a_service_that_does_not_take_the_key_or_is_not_there(locked: LiveServer, video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    wrong = classify("--server", locked.url, "--out", str(out), str(video), R3D_API_KEY="another")
    assert wrong.returncode == 3
    assert "API key" in wrong.stderr
    gone = classify("--server", "http://127.0.0.1:9", "--out", str(out), str(video))
    assert gone.returncode == 3
    assert out.read_text() == "", "a file that was not looked at is no result"
    not_ours = classify("--server", locked.url + "/static", "--out", str(out), str(video), R3D_API_KEY="a long key")
    assert not_ours.returncode in (1, 3)


def test_a_busy_service_is_asked_again(model_directory: Path, video: Path, tmp_path: Path) -> None:
    """A service that takes one request at a time, and four files at a time for it."""
    copies = []
    for number in range(6):
        copies.append(tmp_path / f"{number}.mp4")
        copies[-1].write_bytes(video.read_bytes())
    backend = BrightnessBackend(max_batch=1, before=lambda _: time.sleep(0.05))
    with LiveServer(Settings(model=model_directory, queue_clips=4), factory_of(backend)) as live:
        live.wait_ready()
        out = tmp_path / "out.jsonl"
        done = classify("--server", live.url, "--jobs", "4", "--out", str(out), *map(str, copies))
        assert done.returncode == 0, done.stderr
        assert 'outcome="queue-full"' in live.client.get("/metrics").text
    assert all("result" in each for each in records(out))
    assert len(records(out)) == 6


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3), ("0", 0), ("86400", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 5), ("-1", 5), ("", 5)]
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float) -> None:
    assert wait_of(header) == seconds


def test_uploads_show_their_progress(video: Path) -> None:
    heard: list[str] = []
    counted = CountedFile(BytesIO(bytes(100)), 100, heard.append)
    while counted.read(40):
        pass
    assert heard == ["uploading: 40 %", "uploading: 80 %", "uploaded", "uploaded"]
