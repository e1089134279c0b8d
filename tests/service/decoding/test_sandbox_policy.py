"""`R3D_SANDBOX`: what confines the decoders is known, told, and may be asked for."""

import asyncio
import logging
from pathlib import Path

import pytest

from service.decoding.decoder import Decoder
from service.errors import DecoderUnavailableError, StartupError
from service.settings import SandboxPolicy, Settings
from service.web.app import create_app
from service.web.server import Server, server_config

from ...support.jobs import job_of
from ...support.live_server import StubServer
from ...support.stubs import BrightnessBackend, factory_of

WITHOUT_LANDLOCK = "tests.support.fork_server_without_landlock"
WITHOUT_LIMITS = "tests.support.fork_server_without_limits"
ALL = {"network_namespace", "rlimits", "capabilities", "landlock", "seccomp"}


async def clips(policy: SandboxPolicy, video: Path, start: bool = True) -> int:
    decoder = Decoder(1, 1, policy)
    try:
        if start:
            await decoder.start()
        async with decoder.open(job_of(video)) as stream:
            return len([clip async for clip in stream.clips()])
    finally:
        await decoder.close()


def test_all_mechanisms_are_active_here_and_logged(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "service.decoding"):
        assert asyncio.run(clips("required", video)) == 2
    assert "decoders are confined by network namespace, rlimits, capabilities, landlock, seccomp" in caplog.text


def test_best_effort_decodes_without_one_and_warns(
    video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", WITHOUT_LANDLOCK)
    assert asyncio.run(clips("best-effort", video)) == 2
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage().endswith("missing: landlock")


def test_required_does_not_start_without_one(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", WITHOUT_LANDLOCK)
    with pytest.raises(StartupError, match="R3D_SANDBOX=required, but this system has no landlock"):
        asyncio.run(clips("required", video))


def test_required_decodes_nothing_in_a_child_that_is_not_confined(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", WITHOUT_LANDLOCK)
    monkeypatch.setattr(Decoder, "_check_sandbox", lambda *_: None)
    with pytest.raises(DecoderUnavailableError, match="could not be confined"):
        asyncio.run(clips("required", video))


def test_a_child_that_cannot_be_limited_decodes_nothing_and_it_is_not_the_videos_fault(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", WITHOUT_LIMITS)
    with pytest.raises(DecoderUnavailableError, match="could not be confined"):
        asyncio.run(clips("best-effort", video))


def test_health_and_metrics_tell(stub_server: StubServer) -> None:
    assert stub_server.client.get("/health").json()["sandbox"] == dict.fromkeys(ALL, True)
    assert {stub_server.metric("r3d_sandbox", mechanism=mechanism) for mechanism in ALL} == {1.0}


def test_the_server_does_not_start_where_it_is_required_and_missing(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", WITHOUT_LANDLOCK)
    app = create_app(Settings(model=model_directory, sandbox="required"), factory_of(BrightnessBackend()))
    server = Server(server_config(app, "127.0.0.1", 0, 10), app.state.lifecycle)
    server.run()  # returns, as it stops by itself
    assert server.failure == "R3D_SANDBOX=required, but this system has no landlock"
