"""Whose jobs are whose."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.client import problem
from tests.support.sent_jobs import Sent

from .conftest import Serve

KEYS = {"anna": "anna's key", "bert": "bert's key"}


@pytest.fixture
def holders(serve: Serve, tmp_path: Path) -> Callable[[str], Sent]:
    """The server as the holder of a key sees it; "" is the one of `R3D_API_KEY`."""
    file = tmp_path / "keys"
    file.write_text("".join(f"{name} {hashlib.sha256(key.encode()).hexdigest()}\n" for name, key in KEYS.items()))
    server = serve(api_keys_file=file, api_key=SecretStr("the one key")).server
    keys = KEYS | {"": "the one key"}
    return lambda name: Sent(server, Authorization=f"Bearer {keys[name]}")


def test_another_keys_holder_sees_nothing(holders: Callable[[str], Sent], video: Path) -> None:
    anna, bert, alone = holders("anna"), holders("bert"), holders("")
    with anna.http, bert.http, alone.http:
        content = video.read_bytes()
        job = anna.send(content, key="same")
        anna.through(job)
        for stranger in (bert, alone):
            problem(stranger.get(job), 404, "no-such-job")
            problem(stranger.get(job, format="ndjson"), 404, "no-such-job")
            problem(stranger.http.delete(f"/v1/jobs/{job}"), 404, "no-such-job")
            assert stranger.http.get("/v1/jobs").json() == {"jobs": [], "next": None}
        assert bert.send(content, key="same") != job
        assert [each["id"] for each in anna.http.get("/v1/jobs").json()["jobs"]] == [job]
        assert "result" not in anna.http.get("/v1/jobs").json()["jobs"][0]


def test_without_a_key_nobody_comes_in(holders: Callable[[str], Sent], video: Path) -> None:
    stranger = Sent(holders("anna").server, Authorization="Bearer another's key")
    with stranger.http:
        problem(stranger.post(video.read_bytes()), 401, "unauthorized")
        problem(stranger.http.get("/v1/jobs"), 401, "unauthorized")
        problem(stranger.get("x" * 24), 401, "unauthorized")


def test_pages_of_jobs_are_read_one_after_the_other(holders: Callable[[str], Sent], video: Path) -> None:
    anna = holders("anna")
    with anna.http:
        jobs = [anna.send(video.read_bytes()) for _ in range(5)]
        found, after = [], None
        while True:
            page = anna.http.get("/v1/jobs", params={"limit": 2} | ({"after": after} if after else {})).json()
            found += [each["id"] for each in page["jobs"]]
            if (after := page["next"]) is None:
                break
        assert found == jobs[::-1]
        anna.through(jobs[-1])
        for job in jobs:
            anna.through(job)
        done = anna.http.get("/v1/jobs", params={"status": "succeeded"}).json()["jobs"]
        assert {each["id"] for each in done} == set(jobs)
        assert anna.http.get("/v1/jobs", params={"status": "failed"}).json()["jobs"] == []
        problem(anna.http.get("/v1/jobs", params={"status": "lost"}), 422, "bad-parameter")
        problem(anna.http.get("/v1/jobs", params={"limit": 0}), 422, "bad-parameter")
