import csv
import json
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest, Sampling
from service.batch.outcome import Refusal
from service.errors import StartupError
from service.evaluation.figures import figures_of
from service.evaluation.folder import CONFUSION, RESULTS, SUMMARY, Setup, lines_of, open_folder, write_figures
from service.evaluation.labelled import Labelled
from service.evaluation.scores import SamplingScore, ScoreLine, VideoScore

BUSY = Refusal("urn:x", "Busy", 503, "busy", 1)
SAMPLINGS = {"default": Sampling()}


def score(*clips: int) -> VideoScore:
    first = SamplingScore(clips=[[clip, 8] for clip in clips], vote=[clips[0], 8], mean=[clips[0], 8])
    return VideoScore(
        samplings={"default": first}, seconds=1.5, decode_seconds=0.5, network_seconds=1, backend="stub fp32, test"
    )


@pytest.fixture
def setup(manifest: Manifest) -> Setup:
    return Setup.of(manifest, SAMPLINGS)


def test_a_later_run_knows_the_last_line_of_each_video(tmp_path: Path, setup: Setup) -> None:
    folder = tmp_path / "new" / "folder"
    with open_folder(folder, setup) as results:
        results.write(ScoreLine.of_video("a.mp4", BUSY))
        results.write(ScoreLine.of_video("b.mp4", score(2)))
        results.write(ScoreLine.of_video("a.mp4", score(1, 2)))
    with open_folder(folder, setup) as results:
        assert results.done == {"a.mp4", "b.mp4"}
        lines = lines_of(folder)
    assert [lines[name].score for name in ("a.mp4", "b.mp4")] == [score(1, 2), score(2)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"samplings": {"default": Sampling(stride=8)}}, "samplings"),
        ({"weights_sha256": "0" * 64, "clip_frames": 16}, "weights_sha256, clip_frames"),
    ],
)
def test_results_of_another_evaluation_are_not_mixed_in(
    tmp_path: Path, setup: Setup, change: dict[str, object], named: str
) -> None:
    with open_folder(tmp_path, setup) as results:
        results.write(ScoreLine.of_video("a.mp4", score(1)))
    before = (tmp_path / RESULTS).read_bytes()
    other = setup.model_copy(update=change)
    with pytest.raises(StartupError, match=rf"of another evaluation \({named}\)"), open_folder(tmp_path, other):
        pass
    assert (tmp_path / RESULTS).read_bytes() == before


def test_a_folder_without_results_takes_any_evaluation(tmp_path: Path, setup: Setup) -> None:
    with open_folder(tmp_path, setup):
        pass
    with open_folder(tmp_path, setup.model_copy(update={"clip_frames": 16})) as results:
        assert results.done == set()


def test_results_without_a_summary_are_left_alone(tmp_path: Path, setup: Setup) -> None:
    (tmp_path / RESULTS).write_text(ScoreLine.of_video("a.mp4", score(1)).text() + "\n")
    with pytest.raises(StartupError, match="cannot be told"), open_folder(tmp_path, setup):
        pass


@pytest.mark.parametrize("line", ['{"file": "a.mp4"}', '{"file": "a.mp4", "result": {}}'])
def test_other_results_are_left_alone(tmp_path: Path, setup: Setup, line: str) -> None:
    (tmp_path / RESULTS).write_text(line + "\n")
    with pytest.raises(StartupError, match="not the results of an evaluation"), open_folder(tmp_path, setup):
        pass
    assert (tmp_path / RESULTS).read_text() == line + "\n"


def test_the_figures_as_files(tmp_path: Path, setup: Setup, manifest: Manifest) -> None:
    videos = [Labelled("a.mp4", Path("a.mp4"), 1), Labelled("b.mp4", Path("b.mp4"), 2)]
    with open_folder(tmp_path, setup):
        outcomes: dict[str, VideoScore | Refusal] = {"a.mp4": score(1, 2), "b.mp4": BUSY}
        lines = {name: ScoreLine.of_video(name, outcome) for name, outcome in outcomes.items()}
        figures = figures_of(videos, lines, ["default"], len(manifest.labels))
        write_figures(tmp_path, setup, figures, manifest.labels)
    summary = json.loads((tmp_path / SUMMARY).read_text())
    assert Setup.model_validate(summary["setup"]) == setup
    sampling = summary["samplings"]["default"]
    assert (sampling["videos"], sampling["failed"], sampling["clips"]) == (1, 1, 2)
    assert sampling["counted"]["videos by vote"] == {
        "total": 1,
        "top1": 1,
        "top5": 1,
        "top1_share": 1.0,
        "top5_share": 1.0,
        "top1_share_of_every_video": 0.5,
        "top5_share_of_every_video": 0.5,
    }
    assert summary["failures"] == [{"name": "b.mp4", "sampling": None, "reason": "busy"}]
    assert (summary["seconds_per_video"], summary["backends"]) == (1.5, ["stub fp32, test"])
    with (tmp_path / CONFUSION).open() as stream:
        rows = [row for row in csv.reader(stream) if row[1] in ("counted", "clips")]
    assert rows == [
        ["sampling", "counted", "label", "answered", "count"],
        ["default", "clips", "pan left", "pan left", "1"],
        ["default", "clips", "pan left", "pan right", "1"],
    ]
