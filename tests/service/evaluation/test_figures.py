"""Four videos of five labels, counted by hand."""

from pathlib import Path

import pytest

from service.batch.outcome import Refusal
from service.batch.results_file import ProblemLine
from service.evaluation.figures import Failure, Figures, figures_of
from service.evaluation.labelled import Labelled
from service.evaluation.scores import SamplingScore, ScoreLine, VideoScore

BAD = Refusal("urn:x", "Bad", 422, "very bad")
SHORT = ProblemLine(type="urn:y", title="Short", status=422, detail="too short")
VIDEOS = [Labelled(name, Path("/data") / name, label) for name, label in zip("abcd", (0, 1, 2, 3), strict=True)]


def score(seconds: float, **samplings: SamplingScore) -> VideoScore:
    problems = {} if "few" in samplings else {"few": SHORT}
    return VideoScore(
        samplings=samplings, problems=problems, seconds=seconds, decode_seconds=1, network_seconds=0.5, backend="x"
    )


@pytest.fixture
def figures() -> Figures:
    right = SamplingScore(clips=[[0, 1], [1, 0], [0, 2]], vote=[0, 1], mean=[1, 0])
    wrong = SamplingScore(clips=[[2, 1]], vote=[2, 1], mean=[2, 1])
    lost = SamplingScore(clips=[[4, 0], [2, 4]], vote=[4, 0], mean=[2, 4])
    outcomes: dict[str, VideoScore | Refusal] = {
        "a": score(1, all=right, few=wrong),
        "b": score(2, all=wrong, few=wrong),
        "c": score(6, all=lost),
        "d": BAD,
    }
    lines = {name: ScoreLine.of_video(name, outcome) for name, outcome in outcomes.items()}
    return figures_of(VIDEOS, lines, ["all", "few"], 5)


def test_clips_votes_and_means_are_counted(figures: Figures) -> None:
    clips, vote, mean = figures.samplings[0].counted
    assert [(each.what, each.total, each.top1, each.top5, each.every) for each in (clips, vote, mean)] == [
        ("clips", 6, 3, 5, None),
        ("videos by vote", 3, 1, 2, 4),
        ("videos by mean", 3, 1, 3, 4),
    ]
    assert clips.confusion.tolist() == [[2, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 1], [0] * 5, [0] * 5]
    assert vote.confusion.tolist() == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0] * 5, [0] * 5]


def test_a_failed_video_is_in_the_share_of_all(figures: Figures) -> None:
    clips, vote, _ = figures.samplings[0].counted
    assert (vote.share(vote.top1), vote.share_of_every(vote.top1)) == (1 / 3, 1 / 4)
    assert clips.share_of_every(clips.top1) is None


def test_each_sampling_has_its_own_videos_and_clips(figures: Figures) -> None:
    every, few = figures.samplings
    assert (every.videos, every.failed, every.clips, every.clips_per_video) == (3, 1, 6, 2)
    assert (few.videos, few.failed, few.clips) == (2, 2, 2)
    assert figures.failures == (Failure("c", "few", "too short"), Failure("d", None, "very bad"))


def test_seconds_are_those_of_a_classified_video(figures: Figures) -> None:
    assert (figures.seconds, figures.decode_seconds, figures.network_seconds) == (3, 1, 0.5)
    assert figures.backends == ("x",)


def test_nothing_classified_has_no_share() -> None:
    lines = {video.name: ScoreLine.of_video(video.name, BAD) for video in VIDEOS}
    found = figures_of(VIDEOS, lines, ["all"], 5)
    clips, vote, _ = found.samplings[0].counted
    assert (vote.total, vote.share(vote.top1), vote.share_of_every(vote.top1)) == (0, None, 0)
    assert clips.share(0) is None
    assert (len(found.failures), found.seconds, found.samplings[0].clips_per_video) == (4, 0, 0)
