"""Jobs over HTTP, on SQLite and on PostgreSQL."""

from pathlib import Path

from pydantic import SecretStr

from tests.support.client import problem
from tests.support.sent_jobs import Known
from tests.support.waiting import eventually

from .conftest import Serve


def without_timing(answer: Known) -> Known:
    return {name: value for name, value in answer.items() if name not in ("timing", "event")}


def test_a_job_has_the_answer_that_a_request_has(serve: Serve, video: Path) -> None:
    sent, content = serve(), video.read_bytes()
    answer = sent.post(content, top_k=2)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    first = answer.json()
    assert (first["status"], first["result"], first["problem"]) == ("queued", None, None)
    done = sent.through(first["id"])
    assert done["status"] == "succeeded"
    assert done["progress"] == {"clips": 2, "seconds": 3.0, "of_seconds": 3.0}
    assert done["created"] <= done["started"] <= done["finished"]
    assert sent.server.metric("r3d_seconds_count", stage="inference") == 2
    assert sent.server.metric("r3d_seconds_count", stage="queue") is None  # it is of requests alone
    direct = sent.server.post(content, top_k=2).json()
    assert sent.server.metric("r3d_seconds_count", stage="queue") == 2
    assert without_timing(done["result"]) == without_timing(direct)
    shorter = sent.known(first["id"], view="segments")["result"]
    assert without_timing(shorter) == without_timing(direct) | {"clips": []}


def test_a_jobs_answer_has_every_form_that_a_requests_has(serve: Serve, video: Path) -> None:
    sent, content = serve(), video.read_bytes()
    job = sent.send(content)
    sent.through(job)
    for name in ("csv", "vtt", "srt"):
        direct = sent.http.post("/v1/classify", files={"file": content}, params={"format": name})
        assert sent.get(job, format=name).text == direct.text
        assert sent.get(job, format=name).headers["content-type"] == direct.headers["content-type"]


def test_what_is_refused_is_refused_before_the_video_is_sent(serve: Serve, video: Path) -> None:
    sent = serve(jobs_max_upload_bytes=100)
    problem(sent.post(b"", top_k=1000), 422, "bad-parameter")
    problem(sent.post(video.read_bytes()), 413, "upload-too-large")
    problem(sent.post(b""), 422, "video-undecodable")
    problem(sent.post(b"x", key="k k"), 422, "bad-parameter")


def test_a_video_that_is_none_fails_its_job(serve: Serve) -> None:
    sent = serve()
    job = sent.send(b"no video at all")
    done = sent.through(job)
    assert (done["status"], done["result"]) == ("failed", None)
    assert done["problem"]["type"] == "urn:r3d:problem:unsupported-media"
    problem(sent.get(job, format="csv"), 415, "unsupported-media")
    with sent.followed(job) as lines:
        assert [line["event"] for line in lines] == ["job", "error"]


def test_the_same_key_gives_the_same_job(serve: Serve, video: Path) -> None:
    sent, content = serve(), video.read_bytes()
    job = sent.send(content, key="mine")
    assert sent.send(content, key="mine") == job
    problem(sent.post(content, key="mine", top_k=1), 409, "idempotency-conflict")
    problem(sent.post(content + b"more", key="mine"), 409, "idempotency-conflict")
    assert sent.send(content, key="another") != job
    assert sent.send(content) != job


def test_only_videos_that_are_needed_are_on_disk(serve: Serve, video: Path, tmp_path: Path) -> None:
    sent, content = serve(), video.read_bytes()
    sent.server.gate.close()
    jobs = [sent.send(content, key=str(number % 2)) for number in range(4)]
    assert {path.name for path in (tmp_path / "jobs" / "videos").iterdir()} == set(jobs)
    assert not list((tmp_path / "jobs" / "incoming").glob("*/tmp*"))
    sent.server.gate.open()
    for job in jobs:
        sent.through(job)
    eventually(lambda: not list((tmp_path / "jobs" / "videos").iterdir()))


def test_it_is_followed_live_on_a_server_that_does_not_work_on_it(serve: Serve, video: Path) -> None:
    one = serve()
    one.server.gate.close()
    job = one.send(video.read_bytes(), top_k=2)
    eventually(lambda: one.known(job)["status"] == "running")
    other = serve()
    with other.followed(job) as lines:
        first = next(lines)
        assert (first["event"], first["status"]) == ("job", "running")
        one.server.gate.close(after=1)
        clip = next(lines)
        assert (clip["event"], clip["index"], len(clip["top"])) == ("clip", 0, 2)
        assert other.known(job)["progress"]["clips"] == 1
        one.server.gate.open()
        rest = list(lines)
    assert [line["event"] for line in rest if line["event"] != "job"] == ["clip", "result"]
    assert without_timing(rest[-1]) == without_timing(one.through(job)["result"])
    assert len(rest[-1]["clips"]) == 2


def test_following_a_job_that_is_through_tells_all_of_it(serve: Serve, video: Path) -> None:
    sent = serve()
    job = sent.send(video.read_bytes())
    done = sent.through(job)
    with sent.followed(job, view="segments") as lines:
        first, *clips, last = lines
    assert (first["event"], first["status"]) == ("job", "succeeded")
    assert [clip["index"] for clip in clips] == [0, 1]
    assert (last["event"], last["clips"], last["label"]) == ("result", [], done["result"]["label"])


def test_an_answer_is_held_until_the_job_is_over_or_the_time_is(serve: Serve, video: Path) -> None:
    sent = serve()
    sent.server.gate.close()
    job = sent.send(video.read_bytes())
    assert sent.known(job, wait=0.2)["status"] in ("queued", "running")
    problem(sent.get(job, format="vtt", wait=0.2), 409, "job-unfinished")
    problem(sent.get(job, wait=1e6), 422, "bad-parameter")
    sent.server.gate.open()
    assert sent.known(job, wait=25)["status"] == "succeeded"


def test_an_answer_is_held_longer_than_a_request_may_take(serve: Serve, video: Path) -> None:
    sent = serve(request_timeout_seconds=0.1)
    sent.server.gate.close()
    job = sent.send(video.read_bytes())
    assert sent.known(job, wait=0.5)["status"] in ("queued", "running")


def test_a_job_is_cancelled_on_a_server_that_does_not_work_on_it(serve: Serve, video: Path, tmp_path: Path) -> None:
    worker = serve()
    worker.server.gate.close()
    job = worker.send(video.read_bytes())
    eventually(lambda: worker.known(job)["status"] == "running")
    other = serve()
    with other.followed(job) as lines:
        next(lines)
        assert other.http.delete(f"/v1/jobs/{job}").json()["status"] == "cancelled"
        last = list(lines)[-1]
    assert (last["event"], last["type"]) == ("error", "urn:r3d:problem:no-such-job")
    for sent in (worker, other):
        problem(sent.get(job), 404, "no-such-job")
        problem(sent.http.delete(f"/v1/jobs/{job}"), 404, "no-such-job")
    assert eventually(lambda: worker.server.metric("r3d_jobs_attempts_total", outcome="lost")) == 1
    assert not worker.server.decoders()
    assert not list((tmp_path / "jobs" / "videos").iterdir())


def test_a_job_that_is_over_is_forgotten(serve: Serve, video: Path) -> None:
    sent = serve()
    job = sent.send(video.read_bytes())
    sent.through(job)
    assert sent.http.delete(f"/v1/jobs/{job}").json()["status"] == "succeeded"
    problem(sent.get(job), 404, "no-such-job")


def test_there_is_no_list_where_no_key_is_asked_for(serve: Serve) -> None:
    problem(serve().http.get("/v1/jobs"), 403, "jobs-list-closed")


def test_a_job_that_nobody_sent_is_not_there(serve: Serve) -> None:
    sent = serve()
    problem(sent.get("x" * 24), 404, "no-such-job")
    problem(sent.get("x" * 24, format="ndjson"), 404, "no-such-job")
    problem(sent.http.delete(f"/v1/jobs/{'x' * 24}"), 404, "no-such-job")


def test_more_jobs_than_may_wait_are_refused(serve: Serve, video: Path) -> None:
    sent = serve(jobs_waiting=1, decode_workers=1)
    sent.server.gate.close()
    first = sent.send(video.read_bytes())
    eventually(lambda: sent.known(first)["status"] == "running")
    sent.send(video.read_bytes())
    refused = sent.post(video.read_bytes())
    problem(refused, 429, "jobs-full")
    assert int(refused.headers["Retry-After"]) > 0


def test_more_bytes_than_may_be_kept_are_refused(serve: Serve, video: Path) -> None:
    sent = serve(jobs_bytes=video.stat().st_size * 2 - 1)
    sent.server.gate.close()
    sent.send(video.read_bytes())
    problem(sent.post(video.read_bytes()), 507, "jobs-storage")


def test_where_no_jobs_are_kept_the_preference_is_not_heard(serve: Serve, video: Path) -> None:
    sent = serve(jobs=SecretStr("off"))
    answer = sent.post(video.read_bytes())
    assert (answer.status_code, answer.json()["votes"]) == (200, 2)
    assert "Preference-Applied" not in answer.headers
    problem(sent.get("x"), 404, "no-such-job")
