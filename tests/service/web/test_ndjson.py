"""`Accept: application/x-ndjson`, against a listening server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.schemas import ClassifyAnswer, ClipEvent, ResultEvent
from service.settings import Settings

from ...support.client import NDJSON, problem
from ...support.live_server import LiveServer, StubServer
from ...support.stubs import too_bright
from ...support.videos import shades, write_video
from ...support.waiting import eventually


def test_clips_then_the_same_result_as_without(server: LiveServer, video: Path) -> None:
    with server.live(video.read_bytes(), top_k=2) as lines:
        *clips, result = lines
    whole = ClassifyAnswer(**server.post(video.read_bytes(), top_k=2).json())
    progress = [round(clip.end_frame / whole.video.frames, 6) for clip in whole.clips]
    assert [ClipEvent(**line) for line in clips] == [
        ClipEvent(**clip.model_dump(exclude={"video_label_probability"}), progress=part)
        for clip, part in zip(whole.clips, progress, strict=True)
    ]
    assert [next(iter(line)) for line in (*clips, result)] == ["event"] * 3
    last = ResultEvent(**result)
    assert (last.clips, last.label, last.votes) == (whole.clips, whole.label, whole.votes)


def test_each_clip_arrives_before_the_next_is_classified(gated: StubServer, tmp_path: Path) -> None:
    content = write_video(tmp_path / "minute.mp4", 32 * 5, size=(64, 48)).read_bytes()
    gated.gate.close(after=1)
    with gated.live(content) as lines:
        for index in range(5):
            assert (line := next(lines))["event"] == "clip"
            assert line["index"] == index
            if index < 4:
                gated.gate.wait_held()
                gated.gate.close(after=1)
        [result] = lines
    assert result["event"] == "result"


def test_errors_before_the_first_clip_have_their_own_status(server: LiveServer) -> None:
    answer = server.client.post("/classify", files={"file": b"just text"}, headers=NDJSON)
    problem(answer, 415, "unsupported-media")


@pytest.fixture
def failing(gated: StubServer) -> Iterator[StubServer]:
    """The network fails on bright clips."""
    gated.backend.before = too_bright
    yield gated
    gated.backend.before = gated.gate


def test_errors_after_the_first_clip_are_the_last_line(failing: StubServer, tmp_path: Path) -> None:
    content = shades(tmp_path / "a.mp4", 40, 230).read_bytes()
    before = failing.metric("r3d_requests_total", outcome="inference-failed") or 0
    with failing.live(content) as lines:
        clip, error = lines
    assert (clip["event"], clip["index"]) == ("clip", 0)
    assert (error["event"], error["status"], error["type"]) == ("error", 500, "urn:r3d:problem:inference-failed")
    assert error["request_id"]
    assert failing.metric("r3d_requests_total", outcome="inference-failed") == before + 1


def test_a_client_that_leaves_stops_decoding_and_frees_the_queue(model_directory: Path, long_video: Path) -> None:
    with StubServer(Settings(model=model_directory)) as live:
        live.gate.close(after=1)
        with live.live(long_video.read_bytes()) as lines:
            assert next(lines)["event"] == "clip"
            assert len(live.decoders()) == 1
            eventually(lambda: live.metric("r3d_queue_clips") == 3)
        eventually(lambda: not live.lifecycle.admission.active and not live.decoders(), 1)
        live.gate.open()
        eventually(lambda: live.metric("r3d_clips_dropped_total") == 3)
        assert live.metric("r3d_requests_total", outcome="client-left") == 1
