"""Servers that share jobs."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from service.settings import Settings
from tests.support.live_server import StubServer
from tests.support.object_store import store as store
from tests.support.sent_jobs import Sent


class Serve(Protocol):
    def __call__(self, **settings: Any) -> Sent: ...


@pytest.fixture
def serve(model_directory: Path, jobs_url: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server on the test's database; it ends with the test, if it has not before."""
    shared: dict[str, Any] = {"model": model_directory, "jobs_dir": tmp_path / "jobs", "decode_workers": 2}
    if jobs_url.startswith("postgresql"):
        shared["jobs"] = SecretStr(jobs_url)

    with ExitStack() as stack:

        def start(**settings: Any) -> Sent:
            sent = Sent(stack.enter_context(StubServer(Settings(**shared | settings))))
            stack.callback(sent.http.close)
            return sent

        yield start
