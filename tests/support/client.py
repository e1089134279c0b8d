"""A running service, as tests ask it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from .waiting import eventually

NDJSON = {"Accept": "application/x-ndjson"}
READY_SECONDS = 30.0
Event = dict[str, object]


def problem(response: httpx.Response, status: int, slug: str) -> str:
    """Check that this is the documented error; its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["type"]) == (status, f"urn:r3d:problem:{slug}")
    assert body["title"]
    return str(body["detail"])


class Client:
    """Requests to the service at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = int(url.rsplit(":", 1)[1])
        self.client = httpx.Client(base_url=url, timeout=60)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def wait_ready(self, status: str = "ready", seconds: float = READY_SECONDS) -> httpx.Response:
        """Wait for `/health` to say `status`."""

        def health() -> httpx.Response | None:
            answer = self.client.get("/health")
            return answer if answer.json()["status"] == status else None

        return eventually(health, seconds)

    def post(self, content: bytes, **parameters: str | int | float) -> httpx.Response:
        """Send one file to `/classify`."""
        return self.client.post("/classify", files={"file": ("clip.mp4", content)}, params=parameters)

    @contextmanager
    def live(self, content: bytes, **parameters: str | int | float) -> Iterator[Iterator[Event]]:
        """Send one file, and have the lines of its live answer as they come."""
        request = {"files": {"file": content}, "params": parameters, "headers": NDJSON}
        with self.client.stream("POST", "/classify", **request) as answer:  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"] == NDJSON["Accept"]
            yield (json.loads(line) for line in answer.iter_lines())

    def metric(self, name: str, **labels: str) -> float | None:
        """A sample's value in `/metrics`; None while there is no such sample."""
        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return sample.value
        return None
