"""An S3 server in this process: moto's, with requests refused or held at a test's wish."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .stubs import Gate

# moto keeps buckets for as long as the process lives.
NUMBERS = itertools.count(1)
PREFIX = "videos/r3d"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Refusal:
    """Of requests by `method`."""

    method: str
    status: str
    code: str


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class ObjectStore:
    """Started by `start`, which may be called again after `stop`; it has the same port then.

    Requests for objects by the method `held` wait while `gate` is closed.
    """

    def __init__(self) -> None:
        self.gate = Gate()
        self.held = "GET"
        self.refusal: Refusal | None = None
        self.bucket = f"jobs-{next(NUMBERS)}"
        self.videos = f"s3://{self.bucket}/{PREFIX}"
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._port = 0
        self._server: BaseWSGIServer | None = None

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self._port, self._answer, threaded=True, request_handler=Quiet)
        self._port = self._server.port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._port}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def environment(self) -> dict[str, str]:
        """By which it is found, and its keys."""
        return KEYS | {"AWS_ENDPOINT_URL_S3": self.url}

    def stop(self) -> None:
        if self._server is not None:
            self.client.close()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == self.held and path.count("/") > 1:
            self.gate(None)
        if self.refusal is not None and method == self.refusal.method:
            start(self.refusal.status, [("Content-Type", "application/xml")])
            return [f"<Error><Code>{self.refusal.code}</Code><Message>refused</Message></Error>".encode()]
        answer: Iterable[bytes] = self._moto(environ, start)
        return answer

    def put(self, key: str, content: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def keys(self) -> list[str]:
        """Of all objects in the bucket."""
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]


@contextmanager
def running() -> Iterator[ObjectStore]:
    """A server with an empty bucket, until the block is left."""
    store = ObjectStore()
    store.start()
    try:
        store.client.create_bucket(Bucket=store.bucket)
        yield store
    finally:
        store.gate.open()
        store.stop()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A server with an empty bucket, which the environment names. For conftests: moto takes a second to import."""
    with running() as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started
