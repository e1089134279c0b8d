"""Videos scored through the real pipeline, the network a stub that answers by brightness."""

import asyncio
from pathlib import Path

import pytest

from engine_builder.manifest import Sampling
from service.batch.outcome import Refusal
from service.classification.classifier import Classifier
from service.evaluation.scores import Scorer, VideoScore
from service.settings import Settings

from ...support.stubs import BrightnessBackend, factory_of, too_bright
from ...support.videos import shades, write_video

SAMPLINGS = {"default": Sampling(), "half": Sampling(frame_rate=12.5)}


def scored(
    model: Path, video: Path, samplings: dict[str, Sampling], backend: BrightnessBackend | None = None
) -> VideoScore:
    async def run() -> VideoScore:
        settings = Settings(model=model)
        async with Classifier.open(settings, factory_of(backend or BrightnessBackend())) as classifier:
            return await Scorer(classifier, samplings)(video, lambda _: None)

    return asyncio.run(run())


def test_a_video_by_two_samplings(model_directory: Path, tmp_path: Path) -> None:
    score = scored(model_directory, shades(tmp_path / "a.mp4", 40, 40, 150, 220, 150, 150), SAMPLINGS)
    default, half = score.samplings["default"], score.samplings["half"]
    assert [clip[0] for clip in default.clips] == [1, 1, 5, 7, 5, 5]
    assert all(len(clip) == 5 for clip in default.clips)
    assert (default.vote[:3], default.mean[0]) == ([5, 1, 7], 5)
    assert [clip[0] for clip in half.clips] == [1, 5, 5]
    assert score.problems == {}
    assert score.backend == "brightness fp32, test"
    assert score.seconds > 0


def test_a_video_that_is_too_short_for_one_sampling_is_scored_by_the_other(
    model_directory: Path, tmp_path: Path
) -> None:
    score = scored(model_directory, shades(tmp_path / "a.mp4", 150), SAMPLINGS)
    assert [clip[0] for clip in score.samplings["default"].clips] == [5]
    assert list(score.samplings) == ["default"]
    assert score.problems["half"].detail == "32 frames decoded; a clip takes 32 at 12.5 frames/s"


@pytest.mark.parametrize("samplings", [SAMPLINGS, {"default": Sampling()}], ids=["two", "one"])
def test_a_video_that_is_too_short_for_all_is_refused(
    model_directory: Path, tmp_path: Path, samplings: dict[str, Sampling]
) -> None:
    with pytest.raises(Refusal) as caught:
        scored(model_directory, write_video(tmp_path / "a.mp4", 20), samplings)
    assert (caught.value.detail, caught.value.is_passing) == ("20 frames decoded; a clip takes 32", False)


def test_a_fault_of_ours_is_not_the_videos(model_directory: Path, tmp_path: Path) -> None:
    backend = BrightnessBackend(before=too_bright)
    with pytest.raises(Refusal) as caught:
        scored(model_directory, shades(tmp_path / "a.mp4", 230, 230), SAMPLINGS, backend)
    assert (caught.value.status, caught.value.is_passing) == (500, True)


def test_a_file_that_is_not_there(model_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scored(model_directory, tmp_path / "none.mp4", SAMPLINGS)
