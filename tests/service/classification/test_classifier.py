"""A loaded model without a server: what it gives, and that it leaves nothing behind."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest
from service.classification.classifier import Classifier
from service.classification.query import Query
from service.classification.results import ClipResult
from service.errors import BackendLostError, StartupError
from service.inference.backends.protocol import Backend
from service.inference.selection import Choice, choose
from service.settings import Settings

from ...support.processes import new_processes
from ...support.stubs import BrightnessBackend, factory_of


def test_it_classifies_and_leaves_no_thread_or_process(model_directory: Path, manifest: Manifest, video: Path) -> None:
    threads, processes = set(threading.enumerate()), new_processes()
    clips: list[ClipResult] = []

    async def run() -> None:
        async with Classifier.open(Settings(model=model_directory)) as classifier:
            assert classifier.manifest == manifest
            chosen = choose(Settings(model=model_directory), model_directory, manifest)
            assert (classifier.description.backend, classifier.description.precision) == (
                chosen.package,
                chosen.precision,
            )
            assert classifier.backend_reason is not None
            done = await classifier.classify(video, Query(frame_rate=50), clips.append)
            assert done.clips == clips
            assert (len(clips), done.ended.frames) == (4, 75)
            assert classifier.queued_clips == 0

    asyncio.run(run())
    left = {thread for thread in threading.enumerate() if thread.is_alive()} - threads
    assert not {thread.name for thread in left if not thread.name.startswith("asyncio")}
    assert processes() == []


def test_a_backend_may_be_given_and_failing_for_good_is_told(model_directory: Path, video: Path) -> None:
    async def run() -> str:
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        backend = BrightnessBackend(max_batch=1)
        async with Classifier.open(Settings(model=model_directory), factory_of(backend)) as classifier:
            classifier.on_failure(failed.set_result)
            assert classifier.backend_reason is None
            await classifier.classify(video)

            def broken(_: object) -> None:
                raise RuntimeError("device lost")

            backend.before = broken
            await asyncio.gather(*(classifier.classify(video) for _ in range(3)), return_exceptions=True)
            return await asyncio.wait_for(failed, 10)

    assert asyncio.run(run()) == "device lost"


def test_what_was_started_ends_when_the_rest_does_not_start(model_directory: Path) -> None:
    processes = new_processes()

    def broken() -> Backend:
        raise OSError("no such device")

    async def run() -> None:
        with pytest.raises(StartupError, match="the backend does not load: no such device"):
            async with Classifier.open(Settings(model=model_directory), broken):
                raise AssertionError("it opened")

    asyncio.run(run())
    assert processes() == []


def does_not_load(reason: str) -> Choice:
    def factory() -> Backend:
        raise BackendLostError(reason)

    return Choice("tensorrt", "fp16", "it fits", [factory])


def test_what_does_not_load_is_passed_over(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And said, in the log and in the reason."""
    good = Choice("openvino", "fp32", "the fastest here", [factory_of(BrightnessBackend())])
    choices = [does_not_load("damaged"), does_not_load("of another version"), good]
    monkeypatch.setattr("service.classification.classifier.ways", lambda *_: iter(choices))

    async def run() -> str | None:
        async with Classifier.open(Settings(model=model_directory)) as classifier:
            assert classifier.description.backend == "brightness"
            return classifier.backend_reason

    reason = asyncio.run(asyncio.wait_for(run(), 30))
    assert reason == (
        "the backend does not load: damaged; the backend does not load: of another version; the fastest here"
    )
    assert "tensorrt: the backend does not load: damaged" in caplog.text


def test_when_nothing_loads_every_reason_is_given(model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ways(*_: object) -> Iterator[Choice]:
        yield does_not_load("damaged")
        raise StartupError("nothing to run the network with")

    monkeypatch.setattr("service.classification.classifier.ways", ways)

    async def run() -> None:
        async with Classifier.open(Settings(model=model_directory)):
            pass

    with pytest.raises(StartupError, match="the backend does not load: damaged; nothing to run the network with"):
        asyncio.run(asyncio.wait_for(run(), 30))
