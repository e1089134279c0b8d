import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import Manifest, Sampling
from service.classification.pipeline import Pipeline
from service.classification.query import Query, Terms
from service.classification.results import ClipResult
from service.classification.scheduling import WINDOW
from service.decoding.decoder import Decoder
from service.errors import InferenceError, ParameterError, VideoTooShortError
from service.inference.batcher import Batcher
from service.settings import Settings

from ...support.stubs import BrightnessBackend, Gate, factory_of, too_bright
from ...support.videos import shades, write_video
from ...support.waiting import eventually_async


@asynccontextmanager
async def pipeline_of(backend: BrightnessBackend, manifest: Manifest) -> AsyncIterator[tuple[Pipeline, Batcher]]:
    decoder = Decoder(2, 8)
    batcher = Batcher([factory_of(backend)], (32, 112, 112, 3), 9, 4)
    await asyncio.wrap_future(batcher.start()[0])
    await decoder.start()
    try:
        yield Pipeline(Settings(), manifest, decoder, batcher), batcher
    finally:
        await decoder.close()
        await asyncio.to_thread(batcher.close)


def test_clips_in_order_and_the_vote(tmp_path: Path, manifest: Manifest) -> None:
    video = shades(tmp_path / "a.mp4", 40, 150, 150, 220)
    told: list[ClipResult] = []

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), manifest) as (pipeline, _):
            done = await pipeline.classify(video, on_clip=told.append)
        assert [int(result.probabilities.argmax()) for result in done.clips] == [1, 5, 5, 7]
        assert [result.span.index for result in told] == [0, 1, 2, 3]
        assert (done.verdict.label_index, done.verdict.votes) == (5, 2)
        assert done.verdict.confidence == pytest.approx((0.6 + 0.6 + 0.05 + 0.05) / 4, abs=1e-3)
        assert (done.ended.frames, done.opened.codec) == (128, "h264")
        assert done.total_seconds > 0

    asyncio.run(run())


@pytest.mark.parametrize(("background", "expected"), [(False, 1), (True, 0)])
def test_what_nobody_waits_for_is_no_demand(
    tmp_path: Path, manifest: Manifest, background: bool, expected: int
) -> None:
    video = shades(tmp_path / "a.mp4", 40)
    found: list[int] = []

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), manifest) as (pipeline, _):
            terms = Terms(background=background)
            await pipeline.classify(video, on_clip=lambda _: found.append(sum(pipeline.demand)), terms=terms)

    asyncio.run(run())
    assert found == [expected]


def test_several_samplings_of_one_video_are_answered_as_each_alone(tmp_path: Path, manifest: Manifest) -> None:
    video = shades(tmp_path / "a.mp4", 40, 150, 150, 220)
    samplings = [Sampling(), Sampling(stride=16, aggregate="mean"), Sampling(clips=2), Sampling(frame_rate=12.5)]

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), manifest) as (pipeline, _):
            together = await pipeline.classify_each(video, samplings)
            alone = [(await pipeline.classify_each(video, [sampling]))[0] for sampling in samplings]
        assert [done.sampling for done in together] == samplings
        for one, other in zip(together, alone, strict=True):
            assert one.verdict.label_index == other.verdict.label_index
            assert [clip.span.start_frame for clip in one.clips] == [clip.span.start_frame for clip in other.clips]
            found, expected = ([clip.probabilities for clip in done.clips] for done in (one, other))
            assert np.array_equal(found, expected)
        assert [len(done.clips) for done in together] == [4, 7, 2, 2]

    asyncio.run(run())


def test_a_clip_that_two_samplings_take_goes_through_the_network_once(tmp_path: Path, manifest: Manifest) -> None:
    video = write_video(tmp_path / "a.mp4", 128, size=(64, 48))
    backend = BrightnessBackend()

    async def run() -> None:
        async with pipeline_of(backend, manifest) as (pipeline, _):
            warm_up = sum(backend.batches)
            every, half = await pipeline.classify_each(video, [Sampling(), Sampling(stride=64)])
        assert sum(backend.batches) - warm_up == 4
        assert half.clips[1].outcome.started == every.clips[2].outcome.started

    asyncio.run(run())


def test_many_videos_at_once_do_not_mix(tmp_path: Path, manifest: Manifest) -> None:
    levels = [40, 100, 150, 220] * 3
    videos = [shades(tmp_path / f"{i}.mp4", level, level) for i, level in enumerate(levels)]

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), manifest) as (pipeline, _):
            found = await asyncio.gather(*(pipeline.classify(video) for video in videos))
        assert [done.verdict.label_index for done in found] == [level * 9 // 256 for level in levels]

    asyncio.run(run())


def test_embeddings_are_kept_if_asked_for(tmp_path: Path, manifest: Manifest) -> None:
    video = shades(tmp_path / "a.mp4", 40, 150)

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), manifest) as (pipeline, _):
            asked = await pipeline.classify(video, Query(embedding=True))
            not_asked = await pipeline.classify(video)
        first = [float(each.embedding[0]) for each in asked.clips if each.embedding is not None]
        assert first == pytest.approx([40, 150], abs=2)
        assert [each.embedding for each in not_asked.clips] == [None, None]

    asyncio.run(run())


def test_a_model_without_embeddings_says_so_before_anything_is_decoded(manifest: Manifest) -> None:
    old = manifest.model_copy(update={"embedding": None})

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), old) as (pipeline, _):
            with pytest.raises(ParameterError, match="this model gives no embeddings; build it again"):
                await pipeline.classify(Path("not there"), Query(embedding=True))

    asyncio.run(run())


def test_a_long_video_holds_only_a_window_of_the_queue(tmp_path: Path, manifest: Manifest) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 30, size=(64, 48))
    depths: list[int] = []

    async def run() -> None:
        backend = BrightnessBackend(max_batch=1)
        async with pipeline_of(backend, manifest) as (pipeline, batcher):
            done = await pipeline.classify(video, on_clip=lambda _: depths.append(batcher.depth))
        assert len(done.clips) == 30

    asyncio.run(run())
    assert max(depths) <= WINDOW


def test_cancelling_drops_what_is_queued(tmp_path: Path, manifest: Manifest) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 30, size=(64, 48))
    gate = Gate()
    backend = BrightnessBackend(max_batch=1, before=gate)

    async def run() -> None:
        async with pipeline_of(backend, manifest) as (pipeline, batcher):
            gate.close()
            task = asyncio.create_task(pipeline.classify(video))
            await asyncio.to_thread(gate.wait_held)
            # With the one that is held, the window is full.
            await eventually_async(lambda: batcher.depth == WINDOW - 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            before_opening = len(backend.batches)
            gate.open()
            done = await pipeline.classify(video)
            assert len(done.clips) == 30
            assert len(backend.batches) - before_opening == 30

    asyncio.run(run())


def test_a_failing_network_fails_the_video_and_the_next_works(tmp_path: Path, manifest: Manifest) -> None:
    dark, bright = shades(tmp_path / "dark.mp4", 40), shades(tmp_path / "bright.mp4", 230, 230)

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(before=too_bright), manifest) as (pipeline, _):
            with pytest.raises(InferenceError):
                await pipeline.classify(bright)
            assert (await pipeline.classify(dark)).verdict.label_index == 1

    asyncio.run(run())


def test_a_short_video_fails_clearly(tmp_path: Path, manifest: Manifest) -> None:
    video = write_video(tmp_path / "a.mp4", 31)

    async def run() -> None:
        async with pipeline_of(BrightnessBackend(), manifest) as (pipeline, _):
            with pytest.raises(VideoTooShortError, match="31 frames decoded; a clip takes 32"):
                await pipeline.classify(video)

    asyncio.run(run())
