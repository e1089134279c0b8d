"""The service against its own OpenAPI: whatever is sent, no server error and nothing undocumented."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings

from ...support.live_server import LiveServer
from ...support.stubs import BrightnessBackend, factory_of

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def live(model_directory: Path) -> Iterator[LiveServer]:
    with LiveServer(Settings(model=model_directory), factory_of(BrightnessBackend())) as server:
        server.wait_ready()
        yield server


def test_schemathesis_finds_nothing(live: LiveServer, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{live.url}/openapi.json"]
    options = ["--checks", CHECKS, "--max-examples", "40", "--seed", "1", "--no-color", "--request-timeout", "20"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=110, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "POST /classify" in done.stdout or "4 selected" in done.stdout or "tested" in done.stdout.lower()
