"""Which clips are classified, and what is answered, by the query."""

import csv
import io

import pytest

from ...support.client import problem
from ...support.live_server import LiveServer
from ...support.videos import write_video


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A hundred frames at 25 a second."""
    return write_video(tmp_path_factory.mktemp("sampling") / "a.mp4", 100).read_bytes()


@pytest.mark.parametrize(
    ("parameters", "starts"),
    [
        ({}, [0, 32, 64]),
        ({"stride": 16}, [0, 16, 32, 48, 64]),
        ({"stride": 60}, [0, 60]),
        ({"clips": 3}, [0, 34, 68]),
        ({"clips": 2, "stride": 32}, [0, 64]),
        ({"clips": "all"}, [0, 32, 64]),
        ({"tail": "pad"}, [0, 32, 64, 96]),
        ({"start": 1}, [25, 57]),
        ({"end": 2}, [0]),
        ({"start": 1, "end": 3, "stride": 8}, [25, 33, 41]),
        ({"frame_rate": 12.5, "stride": 10}, [0, 20]),
    ],
)
def test_clips_are_those_asked_for(
    server: LiveServer, content: bytes, parameters: dict[str, str | int], starts: list[int]
) -> None:
    answer = server.post(content, **parameters).json()
    assert [clip["start_frame"] for clip in answer["clips"]] == starts
    asked = {name: value for name, value in parameters.items() if value != "all"}
    assert {name: answer["sampling"][name] for name in asked} == asked
    assert answer["sampling"]["clip_frames"] == 32


def test_a_video_shorter_than_a_clip_has_an_answer_with_padding(server: LiveServer, content: bytes) -> None:
    problem(server.post(content, end=0.4), 422, "video-too-short")
    answer = server.post(content, end=0.4, tail="pad").json()
    [clip] = answer["clips"]
    assert (clip["start_frame"], clip["end_frame"]) == (0, 10)
    assert "frames repeated" in answer["warnings"]


def test_segments_cover_the_clips_and_the_mean_decides_if_asked(server: LiveServer, content: bytes) -> None:
    answer = server.post(content, aggregate="mean", threshold=0, top_k=9).json()
    assert sum(each["clips"] for each in answer["segments"]) == len(answer["clips"]) == 3
    assert answer["segments"][0]["start_seconds"] == 0
    means = [each["probability"] for each in answer["top"]]
    assert means == sorted(means, reverse=True)
    assert sum(means) == pytest.approx(1, abs=1e-4)
    assert answer["label"] == answer["top"][0]["label"]
    assert answer["confidence"] == means[0]


def test_a_threshold_that_nothing_reaches_leaves_no_segment_and_a_warning(server: LiveServer, content: bytes) -> None:
    answer = server.post(content, threshold=1).json()
    assert answer["segments"] == []
    assert "low confidence" in answer["warnings"]


@pytest.mark.parametrize(
    "parameters",
    [{"clips": 0}, {"clips": 101}, {"clips": "some"}, {"stride": 0}, {"start": -1}, {"start": 2, "end": 1},
     {"tail": "wrap"}, {"aggregate": "max"}, {"threshold": 1.1}, {"format": "xml"}, {"view": "clips"},
     {"frame_rate": 101}],
)  # fmt: skip
def test_what_cannot_be_is_422(server: LiveServer, content: bytes, parameters: dict[str, str | int]) -> None:
    kind = "frame-rate-too-high" if "frame_rate" in parameters else "bad-parameter"
    problem(server.post(content, **parameters), 422, kind)


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"start": 5, "end": 2}, "end must be after start"),
        ({"topk": 2}, "topk: no such parameter; did you mean top_k?"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_told(
    server: LiveServer, content: bytes, parameters: dict[str, int], detail: str
) -> None:
    assert problem(server.post(content, **parameters), 422, "bad-parameter") == detail


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [({"start": 500}, "s and was to start from 500 s"), ({"end": 0.5}, "a clip takes 32 between `start` and `end`")],
)
def test_a_part_that_is_too_short_is_told_so(
    server: LiveServer, content: bytes, parameters: dict[str, float], detail: str
) -> None:
    assert problem(server.post(content, **parameters), 422, "video-too-short").endswith(detail)


def test_segments_only(server: LiveServer, content: bytes) -> None:
    whole, short = server.post(content).json(), server.post(content, view="segments").json()
    assert (short["clips"], short["votes"]) == ([], whole["votes"])
    assert short["segments"] == whole["segments"]


def test_csv_has_a_line_for_each_clip(server: LiveServer, content: bytes) -> None:
    response = server.post(content, format="csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(response.text)))
    clips = server.post(content).json()["clips"]
    assert [line["label"] for line in lines] == [clip["label"] for clip in clips]
    assert [float(line["start_seconds"]) for line in lines] == [clip["start_seconds"] for clip in clips]


@pytest.mark.parametrize(("form", "mark"), [("vtt", "."), ("srt", ",")])
def test_captions_have_a_cue_for_each_segment(server: LiveServer, content: bytes, form: str, mark: str) -> None:
    text = server.post(content, format=form, threshold=0).text
    segments = server.post(content, threshold=0).json()["segments"]
    cues = [line for line in text.splitlines() if " --> " in line]
    assert len(cues) == len(segments)
    assert cues[0].startswith(f"00:00:00{mark}000 --> ")
    assert all(each["label"] in text for each in segments)
    assert text.startswith("WEBVTT") is (form == "vtt")


def test_answers_are_compressed_if_asked(server: LiveServer, content: bytes) -> None:
    def encoding(accept: str) -> str | None:
        headers = {"Accept-Encoding": "gzip", "Accept": accept}
        files = {"file": ("video", content)}
        response = server.client.post("/classify", files=files, headers=headers)
        assert response.status_code == 200
        assert "clips" in response.text
        found: str | None = response.headers.get("Content-Encoding")
        return found

    assert encoding("application/json") == "gzip"
    assert encoding("application/x-ndjson") is None  # its lines are to arrive as they come
