"""The OpenAPI document; and the service against it: whatever is sent, no server error and nothing undocumented."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from service.api.jobs import JobAnswer
from service.api.schemas import ClassifyAnswer, Problem

from ...support import schemathesis_hooks
from ...support.live_server import StubServer
from ...support.processes import ROOT
from ...support.programs import program
from ...support.videos import write_video

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}


@pytest.fixture(scope="module")
def schema(stub_server: StubServer) -> dict[str, Any]:
    found: dict[str, Any] = stub_server.client.get("/openapi.json").json()
    return found


def operations(schema: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in METHODS & item.keys()}


def report_of(schema: dict[str, Any], url: str, folder: Path, *options: str) -> dict[str, Any]:
    """What Schemathesis reports of the service at `url`, tested against a schema."""
    (folder / "schema.json").write_text(json.dumps(schema))
    sample = write_video(folder / "sample.mp4", 33, size=(64, 48))
    variables = {
        "SCHEMATHESIS_HOOKS": schemathesis_hooks.__name__,
        schemathesis_hooks.SAMPLE: str(sample),
        "PYTHONPATH": str(ROOT),
    }
    command = [program("schemathesis"), "run", str(folder / "schema.json"), "--url", url, "--checks", CHECKS]
    # Requests do not build on one another: no stateful phase.
    always = ["--seed", "1", "--no-color", "--request-timeout", "20"]
    phases = ["--phases", "examples,coverage,fuzzing"]
    report = folder / "report.json"
    told = ["--report", "json", "--report-json-path", str(report)]
    done = subprocess.run(
        [*command, *always, *phases, *told, *options],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=folder,
        env=os.environ | variables,
    )
    assert report.exists(), done.stdout[-4000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["exit_code"] == done.returncode
    return found


def test_the_document_is_valid(schema: dict[str, Any]) -> None:
    openapi_spec_validator.validate(schema)
    with pytest.raises(OpenAPIValidationError):
        openapi_spec_validator.validate({**schema, "paths": {"/x": {"get": {"responses": 1}}}})


def references(part: object) -> Iterator[str]:
    """All of them, those of discriminators too, which no validator looks at."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from value.values() if key == "mapping" else [value] if key == "$ref" else references(value)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def test_every_reference_points_somewhere(schema: dict[str, Any]) -> None:
    there = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    assert set(references(schema)) <= there
    assert "#/components/schemas/Problem" in set(references(schema["paths"]))


def test_operations_have_short_ids_tags_and_words(schema: dict[str, Any]) -> None:
    found = [each for item in schema["paths"].values() for each in item.values()]
    protocol = ["server_metadata", "server_live", "server_ready", "model", "model_ready"]
    expected = ["classify", "labels", "health", "live", "metrics", "jobs", "job", "forget_job", *protocol]
    assert sorted(each["operationId"] for each in found) == sorted(expected)
    assert all(each["tags"] and each["summary"] for each in found)
    assert {tag for each in found for tag in each["tags"]} == {tag["name"] for tag in schema["tags"]}
    assert schema["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


def test_examples_are_what_the_service_answers(schema: dict[str, Any]) -> None:
    responses = schema["paths"]["/v1/classify"]["post"]["responses"]
    assert ClassifyAnswer.model_validate(responses["200"]["content"]["application/json"]["example"])
    assert JobAnswer.model_validate(responses["202"]["content"]["application/json"]["example"])
    job = schema["paths"]["/v1/jobs/{job_id}"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert JobAnswer.model_validate(job).result
    for status, response in responses.items():
        if status not in ("200", "202"):
            [content] = response["content"].values()
            values = [Problem.model_validate(each["value"]) for each in content["examples"].values()]
            assert {value.status for value in values} == {int(status)}


def test_every_operation_is_tested_and_nothing_found(
    stub_server: StubServer, schema: dict[str, Any], tmp_path: Path
) -> None:
    report = report_of(schema, stub_server.url, tmp_path, "--max-examples", "25")
    assert (report["failures"], report["errors"], report["exit_code"]) == ([], [], 0)
    assert report["complete"]
    expected = operations(schema)
    assert report["operations"]["tested"] == len(expected) == 13
    rates = report["valid_rates"]
    # A job's id cannot be guessed, and without a key there is no list.
    successful = {each for each in expected if "/v1/jobs" not in each}
    assert rates.keys() >= successful
    for operation in successful:
        assert rates[operation]["fuzzing"]["accepted"] > 0, f"{operation}: never answered with a success"
    assert rates["POST /v1/classify"]["fuzzing"]["rejected"] > 0
    assert report["warnings"]["unresolvable_reference"] == [], "parts of the schema were not tested"


def test_a_status_that_is_not_documented_would_be_found(
    stub_server: StubServer, schema: dict[str, Any], tmp_path: Path
) -> None:
    health = {**schema["paths"]["/health"]["get"], "responses": {"503": {"description": "never ready"}}}
    wrong = {**schema, "paths": {"/health": {"get": health}}}
    report = report_of(wrong, stub_server.url, tmp_path, "--max-examples", "1", "--phases", "fuzzing")
    assert report["exit_code"] == 1
    found = [(failure["title"], failure["operations"]) for failure in report["failures"]]
    assert found == [("Undocumented status code", ["GET /health"])]
