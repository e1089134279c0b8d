"""What a model says of a labelled video, by each sampling, and the line of it in a results file."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import BaseModel

from engine_builder.manifest import Sampling

from ..batch.inputs import look_at
from ..batch.local import refusal_of
from ..batch.outcome import FileWorker, OnProgress, Refusal
from ..batch.results_file import ProblemLine, Record
from ..classification.classifier import Classifier
from ..classification.pipeline import OnClip
from ..classification.results import Classification
from ..classification.vote import Tally, top_indices
from ..errors import (
    DecoderCrashedError,
    FrameRateError,
    ServiceError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)
from ..settings import Settings

TOP = 5
# What one sampling may meet and another not; a decoder's memory is shared by the clips of all that are held.
OF_A_SAMPLING = (VideoTooShortError, VideoTooLongError, FrameRateError, DecoderCrashedError)


class SamplingScore(BaseModel):
    """Labels by index, best first, at most `TOP`: of each clip, of the video by vote, of the video by mean."""

    clips: list[list[int]]
    vote: list[int]
    mean: list[int]

    @classmethod
    def of(cls, done: Classification) -> "SamplingScore":
        """By all clips."""
        tally = Tally.over(len(done.verdict.means))
        for clip in done.clips:
            tally.add(clip.probabilities)
        best = [top_indices(clip.probabilities, TOP) for clip in done.clips]
        return cls(clips=best, vote=tally.ranking("vote", TOP), mean=tally.ranking("mean", TOP))


class VideoScore(BaseModel):
    """What became of a video by each sampling; `problems` has those by which it could not be classified.

    Seconds: from the file to the last verdict, busy decoding, and the clips' shares of the network's time. `backend` is
    what ran the network.
    """

    samplings: dict[str, SamplingScore]
    problems: dict[str, ProblemLine] = {}
    seconds: float
    decode_seconds: float
    network_seconds: float
    backend: str


class ScoreLine(Record):
    """A video's line of a results file."""

    score: VideoScore | None = None

    @classmethod
    def of_video(cls, name: str, outcome: VideoScore | Refusal) -> "ScoreLine":
        """The line for a video, under its name in the list."""
        if isinstance(outcome, VideoScore):
            return cls(file=name, score=outcome)
        return cls(file=name, problem=ProblemLine.of(outcome), retry=outcome.is_passing or None)


@asynccontextmanager
async def scoring(settings: Settings, samplings: Mapping[str, Sampling]) -> AsyncIterator[FileWorker[VideoScore]]:
    """The service's pipeline in this process. Raises StartupError."""
    async with Classifier.open(settings) as classifier:
        yield Scorer(classifier, samplings)


class Scorer:
    """Scores videos, several at once, in the classifier's event loop."""

    def __init__(self, classifier: Classifier, samplings: Mapping[str, Sampling]) -> None:
        self._classifier = classifier
        self._samplings = samplings

    async def __call__(self, video: Path, on_progress: OnProgress) -> VideoScore:
        """A video by every sampling. Raises Refusal when it cannot be classified by any, OSError."""
        await asyncio.to_thread(look_at, video)
        clips = 0

        def on_clip(_: object) -> None:
            nonlocal clips
            clips += 1
            on_progress(f"{clips} clips")

        try:
            return await self._score(video, on_clip)
        except ServiceError as error:
            raise refusal_of(error) from error

    async def _score(self, video: Path, on_clip: OnClip) -> VideoScore:
        try:
            done = await self._classifier.classify_each(video, list(self._samplings.values()), on_clip)
        except OF_A_SAMPLING:
            if len(self._samplings) == 1:
                raise
            return await self._score_apart(video, on_clip)
        return self._scored(dict(zip(self._samplings, done, strict=True)), {}, done[:1])

    async def _score_apart(self, video: Path, on_clip: OnClip) -> VideoScore:
        """By one sampling after the other: a video that is too short for one may not be for another."""
        done: dict[str, Classification] = {}
        errors: dict[str, VideoError] = {}
        for name, sampling in self._samplings.items():
            try:
                [done[name]] = await self._classifier.classify_each(video, [sampling], on_clip)
            except VideoError as error:
                errors[name] = error
        if not done:
            raise next(iter(errors.values()))
        problems = {name: ProblemLine.of(refusal_of(error)) for name, error in errors.items()}
        return self._scored(done, problems, list(done.values()))

    def _scored(
        self, done: Mapping[str, Classification], problems: dict[str, ProblemLine], runs: Sequence[Classification]
    ) -> VideoScore:
        """`runs`: one of those of each time that the video was decoded."""
        outcomes = {id(clip.outcome): clip.outcome for each in done.values() for clip in each.clips}
        description = self._classifier.description
        return VideoScore(
            samplings={name: SamplingScore.of(each) for name, each in done.items()},
            problems=problems,
            seconds=sum(run.total_seconds for run in runs),
            decode_seconds=sum(run.ended.busy_seconds for run in runs),
            network_seconds=sum(outcome.inference_seconds for outcome in outcomes.values()),
            backend=f"{description.backend} {description.precision}, {description.device}",
        )
