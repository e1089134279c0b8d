"""However loading fails, the server says so and ends."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from service.errors import StartupError
from service.inference.backends.protocol import Backend
from service.settings import Settings
from service.web.app import create_app
from service.web.lifecycle import Lifecycle, State
from service.web.server import Server, server_config

from ...support.stubs import BrightnessBackend, factory_of


def unforeseen() -> Backend:
    raise ZeroDivisionError("nobody thought of this")


def no_driver() -> Backend:
    raise ImportError("libcuda.so.1: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize(("factory", "reason"), [(unforeseen, "nobody thought of this"), (no_driver, "libcuda.so.1")])
def test_a_backend_that_raises_anything_ends_the_start(model_directory: Path, factory: object, reason: str) -> None:
    app = create_app(Settings(model=model_directory), factory)  # type: ignore[arg-type]
    server = Server(server_config(app, "127.0.0.1", 0, 10), app.state.lifecycle)
    server.run()  # returns, as it stops by itself
    assert server.failure is not None
    assert reason in server.failure


def test_a_failure_that_nobody_foresaw_is_told_by_its_name(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from the backend, whose errors are expected, but from anywhere else."""
    monkeypatch.setattr("service.classification.classifier.Manifest.load", lambda _: 1 / 0)

    async def run() -> None:
        lifecycle = Lifecycle(Settings(model=model_directory), factory_of(BrightnessBackend()))
        lifecycle.start()
        with pytest.raises(StartupError, match="ZeroDivisionError: division by zero"):
            await lifecycle.wait_until_loaded()
        assert lifecycle.state is State.FAILED
        assert lifecycle.loaded is None
        await lifecycle.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_health_says_failed_while_the_server_stays(model_directory: Path) -> None:
    """As under Ray, where nothing stops the server."""
    app = create_app(Settings(model=model_directory), unforeseen)

    async def run() -> httpx.Response:
        async with app.router.lifespan_context(app):
            with pytest.raises(StartupError):
                await app.state.lifecycle.wait_until_loaded()
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get("/health")

    answer = asyncio.run(run())
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")
    assert "nobody thought of this" in answer.json()["reason"]


def test_the_decode_server_that_does_not_start_is_a_reason(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    app = create_app(Settings(model=model_directory), factory_of(BrightnessBackend()))
    server = Server(server_config(app, "127.0.0.1", 0, 10), app.state.lifecycle)
    server.run()
    assert server.failure is not None
    assert server.failure.startswith("the decode server cannot be started")
