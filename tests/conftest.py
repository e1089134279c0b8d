"""Fixtures for all tests; and in CI, a test that was skipped is a failure."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.manifest import Manifest
from service.batch.remote_job import LONG_BYTES
from service.settings import Settings

from .support.boxes import padded
from .support.live_server import API_KEY, LiveServer, StubServer
from .support.postgresql import Postgresql, binaries, running
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


@pytest.fixture(scope="session", autouse=True)
def temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary directory and a cache that no other test run, and no server of the machine's, uses."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        changed.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        directory = tmp_path_factory.mktemp("tmp")
        changed.setenv("TMPDIR", str(directory))
        changed.setattr(tempfile, "tempdir", str(directory))
        yield directory


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


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """75 frames of 320 x 240 H.264 at 25 frames/s."""
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4", frames=75)


@pytest.fixture(scope="session")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 clips: seconds of work for the network, little for the decoder."""
    return write_video(tmp_path_factory.mktemp("video") / "long.mp4", frames=32 * 200, size=(64, 48))


@pytest.fixture(scope="session")
def long_file(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`video`, but large enough for `r3d-classify --server` to make a job of it."""
    path = tmp_path_factory.mktemp("video") / "large.mp4"
    path.write_bytes(padded(video.read_bytes(), LONG_BYTES))
    return path


@pytest.fixture(scope="session")
def server(model_directory: Path) -> Iterator[LiveServer]:
    """The service with the bundled model, listening."""
    with LiveServer(Settings(model=model_directory)) as live:
        live.wait_ready()
        yield live


@pytest.fixture(scope="session")
def stub_server(model_directory: Path) -> Iterator[StubServer]:
    """The service with a stub for the network, listening."""
    with StubServer(Settings(model=model_directory)) as live:
        yield live


@pytest.fixture(scope="session")
def locked(model_directory: Path) -> Iterator[StubServer]:
    """The same with an API key, `API_KEY`."""
    with StubServer(Settings(model=model_directory, api_key=SecretStr(API_KEY))) as live:
        yield live


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """PostgreSQL, running; the tests that need it are skipped where it is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with running(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def jobs_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database for jobs, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.sqlite"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture
def gated(stub_server: StubServer) -> Iterator[StubServer]:
    """`stub_server`, whose gate may be closed, and is open again after the test."""
    yield stub_server
    stub_server.gate.open()
