"""A long video becomes a job: it goes on while the page is closed, and is cancelled for good."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect
from pydantic import SecretStr

from service.settings import Settings

from ....support.browser import NDJSON, PATIENT, choose, give_key, verdict
from ....support.live_server import API_KEY, StubServer
from ....support.relay import Relay
from ....support.videos import write_video
from ....support.waiting import eventually
from .conftest import OpenPage


@pytest.fixture(scope="session")
def two_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 clips of 32 frames, a frame a second: 2 minutes and 8 seconds."""
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", 128, size=(64, 48), rate="1")


def submissions(page: Page) -> list[str | None]:
    """The `Prefer` header of each video that is sent, as they come."""
    found: list[str | None] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            found.append(request.headers.get("prefer"))

    page.on("request", note)
    return found


def held_connections(page: Page) -> list[Request]:
    """The requests that follow a job just now."""
    found: list[Request] = []

    def begun(request: Request) -> None:
        if request.method == "GET" and request.headers.get("accept") == NDJSON:
            found.append(request)

    def ended(request: Request) -> None:
        if request in found:
            found.remove(request)

    page.on("request", begun)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    return found


def test_a_long_video_becomes_a_job_that_survives_a_reload(
    open_page: OpenPage, model_directory: Path, two_minutes: Path
) -> None:
    with StubServer(Settings(model=model_directory)) as server:
        page = open_page(server.url)
        preferred = submissions(page)
        server.gate.close(after=2)
        choose(page, two_minutes)
        expect(page.locator("#stage")).to_contain_text("Classifying: 2 clips, up to 1:04", timeout=PATIENT)
        page.reload()
        expect(page.locator("#stage")).to_contain_text("Classifying: 2 clips", timeout=PATIENT)
        server.gate.open()
        expect(verdict(page)).to_be_visible(timeout=PATIENT)
        expect(page.locator("#verdict")).to_contain_text("4 of 4 clips")
        page.reload()
        expect(page.locator("#verdict")).to_contain_text("4 of 4 clips")
        assert preferred == ["respond-async"]
        assert server.metric("r3d_jobs_attempts_total", outcome="succeeded") == 1


def test_a_connection_that_breaks_loses_nothing_of_a_job(
    open_page: OpenPage, model_directory: Path, two_minutes: Path
) -> None:
    with StubServer(Settings(model=model_directory)) as server, Relay(server.port) as relay:
        page = open_page(relay.url)
        server.gate.close(after=1)
        choose(page, two_minutes)
        expect(page.locator("#stage")).to_contain_text("Classifying: 1 clip", timeout=PATIENT)
        relay.cut()
        server.gate.open()
        eventually(lambda: server.metric("r3d_jobs_attempts_total", outcome="succeeded") == 1)
        relay.mend()
        expect(page.locator("#verdict")).to_contain_text("4 of 4 clips", timeout=PATIENT)
        page.close()


def test_a_key_that_is_asked_for_anew_tells_no_clip_twice(
    open_page: OpenPage, model_directory: Path, two_minutes: Path
) -> None:
    refusal = {
        "type": "urn:r3d:problem:unauthorized",
        "title": "Unauthorized",
        "status": 401,
        "detail": "the key changed",
    }
    with (
        StubServer(Settings(model=model_directory, api_key=SecretStr(API_KEY))) as server,
        Relay(server.port) as relay,
    ):
        page = open_page(relay.url)
        give_key(page, API_KEY)
        server.gate.close(after=2)
        choose(page, two_minutes)
        expect(page.locator("#stage")).to_contain_text("Classifying: 2 clips", timeout=PATIENT)
        page.route("**/v1/jobs/*", lambda route: route.fulfill(status=401, json=refusal), times=1)
        relay.cut()
        relay.mend()
        expect(page.get_by_role("dialog", name="This service asks for a key")).to_be_visible(timeout=PATIENT)
        give_key(page, API_KEY)
        server.gate.close(after=1)
        expect(page.locator("#stage")).to_contain_text("Classifying: 3 clips", timeout=PATIENT)
        server.gate.open()
        expect(page.locator("#verdict")).to_contain_text("4 of 4 clips", timeout=PATIENT)


def test_a_job_that_is_cancelled_is_forgotten(open_page: OpenPage, model_directory: Path, two_minutes: Path) -> None:
    with StubServer(Settings(model=model_directory)) as server:
        page = open_page(server.url)
        server.gate.close(after=1)
        choose(page, two_minutes)
        expect(page.locator("#stage")).to_contain_text("Classifying: 1 clip", timeout=PATIENT)
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#problem")).to_contain_text("Cancelled")
        assert eventually(lambda: server.metric("r3d_jobs_attempts_total", outcome="lost")) == 1
        assert server.lifecycle.jobs is not None
        videos = server.lifecycle.jobs.videos.incoming.parent / "videos"
        eventually(lambda: not list(videos.iterdir()))


def test_a_video_that_waits_is_sent_while_a_job_goes_on(
    open_page: OpenPage, model_directory: Path, two_minutes: Path, five_clips: Path
) -> None:
    with StubServer(Settings(model=model_directory)) as server:
        page = open_page(server.url)
        preferred = submissions(page)
        server.gate.close()
        choose(page, two_minutes, five_clips)
        server.gate.wait_held()
        eventually(lambda: server.lifecycle.admission.active == 1)
        server.gate.open()
        for entry in range(2):
            expect(page.locator("#list .open").nth(entry)).to_contain_text("%", timeout=PATIENT)
        assert preferred == ["respond-async", None]


def test_many_jobs_hold_one_connection(open_page: OpenPage, model_directory: Path, two_minutes: Path) -> None:
    """A browser has six to a service: a seventh job would wait for one that is over."""
    names = [f"{number}.mp4" for number in range(8)]
    with StubServer(Settings(model=model_directory)) as server:
        page = open_page(server.url)
        held = held_connections(page)
        server.gate.close(after=1)
        files = [{"name": name, "mimeType": "video/mp4", "buffer": two_minutes.read_bytes()} for name in names]
        choose(page, *files)  # type: ignore[arg-type]
        entries = page.locator("#list .open")
        expect(entries.nth(7)).to_contain_text("at the service", timeout=PATIENT)
        expect(page.locator("#stage")).to_contain_text("Classifying: 1 clip", timeout=PATIENT)
        assert len(held) == 1
        page.reload()
        expect(page.locator("#work-title")).to_have_text("7.mp4", timeout=PATIENT)
        expect(page.locator("#model")).to_be_visible()
        page.get_by_role("button", name="Remove 3.mp4").click()
        entries.nth(0).click()
        expect(page.locator("#stage")).to_contain_text("Classifying: 1 clip", timeout=PATIENT)
        assert len(held) == 1
        server.gate.open()
        for entry in range(7):
            expect(entries.nth(entry)).to_contain_text("%", timeout=PATIENT)


def test_where_no_jobs_are_kept_a_long_video_is_a_request(
    open_page: OpenPage, model_directory: Path, two_minutes: Path
) -> None:
    with StubServer(Settings(model=model_directory, jobs=SecretStr("off"))) as server:
        page = open_page(server.url)
        choose(page, two_minutes)
        expect(page.locator("#verdict")).to_contain_text("4 of 4 clips", timeout=PATIENT)
