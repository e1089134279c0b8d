"""A client that openapi-python-client makes of the OpenAPI document, used against the service."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.errors import ServiceError

from ...support.errors import CLASSIFY_ERRORS, classifying_raises
from ...support.live_server import API_KEY, StubServer
from ...support.programs import program

NAME = "generated_client"


@pytest.fixture(scope="module")
def client(locked: StubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package's own client; it raises for a status that is not documented."""
    folder = tmp_path_factory.mktemp("client")
    key = {"Authorization": f"Bearer {API_KEY}"}
    (folder / "openapi.json").write_text(json.dumps(locked.client.get("/openapi.json", headers=key).json()))
    command = [program("openapi-python-client"), "generate", "--meta", "none", "--output-path", str(folder / NAME)]
    beside = str(Path(sys.executable).parent)  # ruff, which it runs
    subprocess.run(
        [*command, "--path", str(folder / "openapi.json")],
        check=True,
        capture_output=True,
        timeout=60,
        env=os.environ | {"PATH": f"{beside}:{os.environ['PATH']}"},
    )
    with pytest.MonkeyPatch.context() as changed:
        changed.syspath_prepend(folder)
        made = part("client").AuthenticatedClient(locked.url, token=API_KEY, raise_on_unexpected_status=True)
        with made as opened:
            yield opened


def part(name: str) -> Any:
    return importlib.import_module(f"{NAME}.{name}")


def asked(client: Any, content: bytes, **parameters: object) -> Any:
    """What `classify` returns for a video as a form."""
    body = part("models").ClassifyFilesBody(part("types").File(payload=content, file_name="video.mp4"))
    return part("api.classification.classify").sync(client=client, body=body, **parameters)


def test_a_video_as_a_form_and_as_the_body(client: Any, video: Path) -> None:
    with video.open("rb") as stream:
        raw = part("api.classification.classify").sync(client=client, body=part("types").File(payload=stream), top_k=2)
    form = asked(client, video.read_bytes(), top_k=2)
    for answer in (form, raw):
        assert isinstance(answer, part("models").ClassifyAnswer)
        assert [(clip.index, len(clip.top)) for clip in answer.clips] == [(0, 2), (1, 2)]
        assert answer.model.backend == "brightness"


def test_real_errors(client: Any, locked: StubServer, video: Path) -> None:
    content = video.read_bytes()
    with part("client").AuthenticatedClient(locked.url, token=API_KEY[::-1]) as stranger:
        found = {
            "unsupported-media": asked(client, b"text"),
            "video-undecodable": asked(client, b""),
            "bad-parameter": asked(client, content, top_k=100),
            "unauthorized": asked(stranger, content),
        }
    for slug, refusal in found.items():
        assert isinstance(refusal, part("models").Problem)
        assert refusal.type_ == f"urn:r3d:problem:{slug}"
        assert refusal.detail


@pytest.mark.parametrize("kind", CLASSIFY_ERRORS)
def test_every_error_that_there_is(
    client: Any, video: Path, kind: type[ServiceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifying_raises(kind("as a test wants it"), monkeypatch)
    found = asked(client, video.read_bytes())
    assert isinstance(found, part("models").Problem)
    assert (found.status, found.type_) == (kind.status, f"urn:r3d:problem:{kind.slug}")
    assert found.detail == "as a test wants it"


def test_the_other_operations(client: Any) -> None:
    assert "zoom in" in part("api.classification.labels").sync(client=client).labels
    health = part("api.health.health").sync(client=client)
    assert (health.status.value, health.model.name) == ("ready", "camera-motion")
    assert part("api.health.live").sync(client=client).status == "alive"
    assert "r3d_ready 1.0" in part("api.health.metrics").sync(client=client)
    protocol = "api.open_inference_protocol"
    assert part(f"{protocol}.server_ready").sync(client=client).ready
    assert part(f"{protocol}.server_live").sync(client=client).live
    assert part(f"{protocol}.server_metadata").sync(client=client).name == "r3d"
    assert part(f"{protocol}.model").sync("camera-motion", client=client).inputs[0].shape == [-1, 32, 112, 112, 3]
    assert part(f"{protocol}.model_ready").sync("camera-motion", client=client).ready
    assert part(f"{protocol}.model").sync("another", client=client).type_ == "urn:r3d:problem:not-found"
