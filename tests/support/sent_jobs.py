"""A server, as one who sends it jobs sees it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from .client import NDJSON
from .live_server import StubServer

ASYNC = {"Prefer": "respond-async", "Content-Type": "video/mp4"}
Known = dict[str, Any]


class Sent:
    """`headers` go with every request."""

    def __init__(self, server: StubServer, **headers: str) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=30, headers=headers)

    def post(self, video: bytes, key: str | None = None, **parameters: Any) -> httpx.Response:
        """Send a video to become a job."""
        headers = ASYNC | ({"Idempotency-Key": key} if key else {})
        return self.http.post("/v1/classify", content=video, headers=headers, params=parameters)

    def send(self, video: bytes, **parameters: Any) -> str:
        """The id of a new job."""
        answer = self.post(video, **parameters)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def get(self, job: str, **parameters: Any) -> httpx.Response:
        return self.http.get(f"/v1/jobs/{job}", params=parameters)

    def known(self, job: str, **parameters: Any) -> Known:
        """What is told of a job."""
        answer = self.get(job, **parameters)
        assert answer.status_code == 200, answer.text
        found: Known = answer.json()
        return found

    def through(self, job: str, seconds: float = 25) -> Known:
        """What is told of a job once it is over."""
        found = self.known(job, wait=seconds)
        assert found["status"] in ("succeeded", "failed"), found
        return found

    @contextmanager
    def followed(self, job: str, **parameters: Any) -> Iterator[Iterator[Known]]:
        """The lines of a job as they come."""
        with self.http.stream("GET", f"/v1/jobs/{job}", headers=NDJSON, params=parameters) as answer:
            assert answer.status_code == 200, answer.read()
            yield (json.loads(line) for line in answer.iter_lines())
