"""Fixtures for all tests; and in CI, a test that was skipped is a failure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.manifest import Manifest
from service.settings import Settings

from .support.live_server import LiveServer
from .support.videos import write_video

SKIPPED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPPED] = []


class _SkipCounter:
    def __init__(self, config: pytest.Config) -> None:
        self.skipped = config.stash[SKIPPED]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(_SkipCounter(session.config))


def pytest_sessionfinish(session: pytest.Session) -> None:
    skipped = session.config.stash[SKIPPED]
    if skipped and os.environ.get("CI") == "true":
        print(f"\nskipped, which CI does not allow: {', '.join(skipped)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, built."""
    directory = tmp_path_factory.mktemp("model") / "camera-motion"
    labels = read_labels(LABELS)
    build_model(WEIGHTS, directory, BuildOptions(name="camera-motion", labels=labels))
    return directory


@pytest.fixture(scope="session")
def manifest(model_directory: Path) -> Manifest:
    return Manifest.load(model_directory)


@pytest.fixture
def settings(model_directory: Path) -> Settings:
    return Settings(model=model_directory)


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """75 frames of 320 x 240 H.264 at 25 frames/s."""
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4", frames=75)


@pytest.fixture(scope="session")
def server(model_directory: Path) -> Iterator[LiveServer]:
    """The service with the bundled model, listening."""
    with LiveServer(Settings(model=model_directory)) as live:
        live.wait_ready()
        yield live
