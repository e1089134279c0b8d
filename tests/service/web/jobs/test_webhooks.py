"""A host hears that a job is over, from the service itself."""

import base64
import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from service.jobs import outbox
from tests.support.client import problem
from tests.support.http_server import serving
from tests.support.sent_jobs import Sent
from tests.support.waiting import eventually

from .conftest import Serve

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
Call = tuple[dict[str, str], bytes]


@contextmanager
def listening(*statuses: int) -> Iterator[tuple[str, "queue.Queue[Call]"]]:
    """A host's URL and what it hears; it answers with these, one after the other, and with the last from then on."""
    calls: queue.Queue[Call] = queue.Queue()
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield url, calls


def calling(serve: Serve, url: str, **settings: Any) -> Sent:
    """A server that may call this host."""
    hosts, networks = (url.partition("://")[2],), (ip_network("127.0.0.0/8"),)
    known: dict[str, Any] = {"webhook_hosts": hosts, "webhook_networks": networks, "webhook_secret": SecretStr(SECRET)}
    return serve(**known | settings)


def test_the_host_hears_of_a_job_that_is_over(serve: Serve, video: Path) -> None:
    with listening(204) as (url, calls):
        sent = calling(serve, url)
        job = sent.send(video.read_bytes(), webhook=f"{url}/r3d?team=a")
        headers, body = calls.get(timeout=20)
        told = Webhook(SECRET).verify(body, headers)
        assert (told["type"], told["data"]["id"], told["data"]["status"]) == ("job.succeeded", job, "succeeded")
        assert "result" not in told["data"]
        assert headers["webhook-id"] == f"job_{job}"
        assert headers["host"] == url.partition("://")[2]
        with pytest.raises(Exception, match="signature"):
            Webhook(SECRET).verify(body.replace(b"succeeded", b"failed"), headers)
        known = eventually(lambda: sent.known(job)["webhook"]["delivered"] and sent.known(job)["webhook"])
        assert (known["url"], known["tries"], known["status"]) == (f"{url}/r3d?team=a", 1, 204)


def test_a_failure_is_told_too(serve: Serve) -> None:
    with listening(200) as (url, calls):
        sent = calling(serve, url)
        sent.send(b"no video", webhook=url)
        told = json.loads(calls.get(timeout=20)[1])
        assert told["type"] == "job.failed"
        assert told["data"]["problem"]["type"] == "urn:r3d:problem:unsupported-media"


def test_a_host_that_does_not_hear_is_told_again(serve: Serve, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAUSES", (0.1, 0.1, 3600.0))
    with listening(500, 302, 200) as (url, calls):
        sent = calling(serve, url)
        job = sent.send(video.read_bytes(), webhook=url)
        heard = [calls.get(timeout=20) for _ in range(3)]
        assert len({headers["webhook-id"] for headers, _ in heard}) == 1
        assert {json.loads(body)["data"]["id"] for _, body in heard} == {job}
        eventually(lambda: sent.known(job)["webhook"]["delivered"])
        assert sent.known(job)["webhook"]["tries"] == 3
        assert calls.empty()  # a redirect is not followed


def test_a_host_that_is_not_there_is_recorded(serve: Serve, video: Path) -> None:
    with listening(200) as (url, _):
        gone = url
    sent = calling(serve, gone)
    job = sent.send(video.read_bytes(), webhook=gone)
    known = eventually(lambda: sent.known(job)["webhook"]["detail"] and sent.known(job)["webhook"])
    assert known["detail"] == "the host cannot be reached: ConnectError"
    assert (known["tries"], known["delivered"], known["status"]) == (1, None, None)


def test_an_address_that_is_not_public_is_not_called(serve: Serve, video: Path) -> None:
    with listening(200) as (url, calls):
        named = url.replace("127.0.0.1", "localhost").replace("http:", "https:")
        sent = calling(serve, named, webhook_networks=())
        job = sent.send(video.read_bytes(), webhook=named)
        known = eventually(lambda: sent.known(job)["webhook"]["detail"] and sent.known(job)["webhook"])
        assert "not public" in known["detail"]
        assert calls.empty()


def test_a_webhook_that_may_not_be_is_refused_before_the_video(serve: Serve, video: Path) -> None:
    sent = calling(serve, "http://127.0.0.1:9")
    for url in ("https://evil.example.org/", "http://127.0.0.1:10/", "x"):
        problem(sent.post(b"", webhook=url), 422, "bad-parameter")
    direct = sent.http.post(
        "/v1/classify", files={"file": video.read_bytes()}, params={"webhook": "http://127.0.0.1:9"}
    )
    assert "only jobs" in problem(direct, 422, "bad-parameter")


def test_no_host_is_called_that_nobody_named(serve: Serve) -> None:
    problem(serve().post(b"", webhook="https://hooks.example.org/"), 422, "bad-parameter")
