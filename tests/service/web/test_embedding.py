"""`embedding=true`: each clip's features, against a listening server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import ClipFormat, Manifest
from engine_builder.reference import full_precision, one_by_one
from engine_builder.serving import find_serving
from service.api.schemas import ClassifyAnswer
from service.settings import Settings

from ...support.client import problem
from ...support.live_server import LiveServer, StubServer

FEATURES = 64


@pytest.fixture(scope="module")
def exact(model_directory: Path) -> Iterator[LiveServer]:
    """The bundled model in fp32, whatever is the fastest here."""
    with LiveServer(Settings(model=model_directory, precision="fp32", backend="openvino")) as live:
        live.wait_ready()
        yield live


def test_each_clip_has_what_the_network_makes_of_it(exact: LiveServer, model_directory: Path, video: Path) -> None:
    answer = exact.post(video.read_bytes(), embedding="true").json()
    found = np.array([clip["embedding"] for clip in answer["clips"]], np.float32)
    clips = find_serving().clips(video, ClipFormat(), 8)
    expected = one_by_one(full_precision(model_directory / "model.onnx"), clips).embeddings
    assert expected is not None
    assert found.shape == expected.shape == (2, FEATURES)
    assert np.abs(found - expected).max() < 1e-4
    assert all(len(repr(number)) <= 17 for clip in answer["clips"] for number in clip["embedding"])


@pytest.mark.parametrize("asked", [{}, {"embedding": "false"}])
def test_who_does_not_ask_gets_none(stub_server: StubServer, video: Path, asked: dict[str, str]) -> None:
    response = stub_server.post(video.read_bytes(), **asked)
    assert response.status_code == 200
    assert "embedding" not in response.text
    with stub_server.live(video.read_bytes(), **asked) as lines:
        assert all("embedding" not in str(line) for line in lines)


def test_live_each_clips_line_has_it_too(stub_server: StubServer, video: Path) -> None:
    whole = stub_server.post(video.read_bytes(), embedding="true").json()
    embeddings = [clip["embedding"] for clip in whole["clips"]]
    assert [len(each) for each in embeddings] == [FEATURES, FEATURES]
    with stub_server.live(video.read_bytes(), embedding="true", view="segments") as lines:
        *clips, result = lines
    assert [line["embedding"] for line in clips] == embeddings
    assert result["clips"] == []


def test_an_answer_can_be_read_again(stub_server: StubServer, video: Path) -> None:
    text = stub_server.post(video.read_bytes(), embedding="true").text
    assert ClassifyAnswer.model_validate_json(text).model_dump_json() == text


@pytest.mark.parametrize(
    "parameters", [{"format": "csv"}, {"format": "vtt"}, {"format": "srt"}, {"view": "segments"}], ids=str
)
def test_an_answer_without_a_place_for_it_is_refused(
    stub_server: StubServer, video: Path, parameters: dict[str, str]
) -> None:
    detail = problem(stub_server.post(video.read_bytes(), embedding="true", **parameters), 422, "bad-parameter")
    assert detail == "embedding: it is told with each clip, in JSON or NDJSON; this answer has no place for it"


def test_a_model_of_before_says_what_to_do(model_directory: Path, tmp_path: Path, video: Path) -> None:
    shutil.copy(model_directory / "model.onnx", tmp_path)
    Manifest.load(model_directory).model_copy(update={"embedding": None}).save(tmp_path)
    with StubServer(Settings(model=tmp_path)) as live:
        answer = live.post(video.read_bytes(), embedding="true")
        detail = problem(answer, 422, "bad-parameter")
        assert detail == "embedding: this model gives no embeddings; build it again (imported networks have none)"
        assert live.backend.batches == live.backend.batches[:2], "nothing but the warm-up ran"
        assert live.post(video.read_bytes()).status_code == 200


def test_the_contract_has_it(stub_server: StubServer) -> None:
    contract = stub_server.client.get("/openapi.json").json()
    parameters = contract["paths"]["/classify"]["post"]["parameters"]
    [asked] = [each for each in parameters if each["name"] == "embedding"]
    assert asked["schema"]["type"] == "boolean"
    told = contract["components"]["schemas"]["ClipAnswer"]
    assert {"type": "array", "items": {"type": "number"}} in told["properties"]["embedding"]["anyOf"]
    assert "embedding" not in told["required"]
