"""Videos one after the other: a list that outlives a reload, and what becomes of a video that is not finished."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ....support.browser import PATIENT, choose, player, verdict
from ....support.live_server import StubServer
from ....support.relay import Relay
from ....support.videos import shades, write_video
from ....support.waiting import eventually
from .conftest import OpenPage


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three videos that the stub names static, tilt up and roll counterclockwise."""
    folder = tmp_path_factory.mktemp("films")
    levels = {"dark": (10, 10), "grey": (100, 100, 100), "bright": (250, 250)}
    return [shades(folder / f"{name}.mp4", *each) for name, each in levels.items()]


@pytest.fixture(scope="session")
def six_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("six") / "six.mp4", 32 * 6, size=(64, 48))


def entries(page: Page) -> Locator:
    return page.locator("#list .open")


def test_several_videos_are_a_list_and_each_can_be_opened(page: Page, films: list[Path]) -> None:
    choose(page, *films)
    for entry, said in zip(range(3), ("static, 60%", "tilt up, 60%", "roll counterclockwise, 60%"), strict=True):
        expect(entries(page).nth(entry)).to_contain_text(said, timeout=PATIENT)
    expect(page.locator("#work-title")).to_have_text("dark.mp4")
    entries(page).nth(1).click()
    expect(verdict(page)).to_have_text("tilt up")
    expect(page.locator("#verdict")).to_contain_text("3 of 3 clips")
    page.get_by_role("button", name="Remove grey.mp4").click()
    expect(entries(page)).to_have_count(2)
    expect(verdict(page)).to_have_text("roll counterclockwise")
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("heading", name="What happens in your video?")).to_be_visible()


def test_a_double_click_on_a_sample_sends_it_once(page: Page, gated: StubServer) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "classify" in request.url else None)
    gated.gate.close()
    page.get_by_role("button", name="one that zooms").dblclick()
    gated.gate.wait_held()
    page.get_by_role("button", name="one that zooms").dblclick()
    gated.gate.open()
    expect(verdict(page)).to_be_visible(timeout=PATIENT)
    expect(entries(page)).to_have_count(1)
    assert len(sent) == 1


def test_a_video_that_comes_while_one_runs_waits_and_does_not_mix(
    page: Page, gated: StubServer, films: list[Path], six_clips: Path
) -> None:
    gated.gate.close(after=2)
    choose(page, six_clips)
    expect(page.locator("#stage")).to_contain_text("Classifying: 2 clips")
    choose(page, films[0])
    expect(entries(page).nth(1)).to_contain_text("waiting")
    entries(page).nth(1).click()
    expect(page.locator("#stage")).to_have_text("Waiting for the video before it")
    expect(page.locator("#votes li")).to_have_count(0)
    gated.gate.open()
    expect(verdict(page)).to_have_text("static", timeout=PATIENT)
    expect(page.locator("#verdict")).to_contain_text("2 of 2 clips")
    entries(page).nth(0).click()
    expect(page.locator("#verdict")).to_contain_text("of 6 clips")


def test_a_reload_keeps_the_list_without_the_videos(page: Page, films: list[Path]) -> None:
    choose(page, *films[:2])
    expect(entries(page).nth(1)).to_contain_text("tilt up", timeout=PATIENT)
    page.reload()
    expect(entries(page)).to_have_count(2)
    expect(entries(page).nth(0)).to_contain_text("static, 60%")
    expect(verdict(page)).to_have_text("tilt up")
    expect(page.get_by_text("Videos are not kept over a reload.")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose it again").click()
    chooser.value.set_files(films[1])
    eventually(lambda: player(page, "duration") > 3)
    expect(page.get_by_text("Videos are not kept over a reload.")).to_be_hidden()
    expect(entries(page)).to_have_count(2)


def test_what_ran_during_a_reload_can_be_finished(page: Page, gated: StubServer, six_clips: Path) -> None:
    gated.gate.close(after=1)
    choose(page, six_clips)
    expect(page.locator("#stage")).to_contain_text("Classifying: 1 clip")
    page.reload()
    expect(page.locator("#work-title")).to_have_text("six.mp4")
    gated.gate.open()
    expect(page.get_by_role("alert")).to_contain_text("The page was closed before the answer was there.")
    choose(page, six_clips)
    expect(page.locator("#verdict")).to_contain_text("of 6 clips", timeout=PATIENT)
    expect(entries(page)).to_have_count(1)


@pytest.mark.parametrize("by", ["button", "key"])
def test_what_has_arrived_stays_after_cancel(page: Page, gated: StubServer, six_clips: Path, by: str) -> None:
    gated.gate.close(after=2)
    choose(page, six_clips)
    expect(page.locator("#stage")).to_contain_text("Classifying: 2 clips")
    if by == "key":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("button", name="Retry")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Cancelled")
    expect(page.get_by_role("alert")).to_contain_text("Incomplete: up to 0:02.6")
    expect(page.locator("#votes li").first).to_contain_text("of 2")
    expect(entries(page)).to_contain_text("not finished")
    gated.gate.open()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#verdict")).to_contain_text("of 6 clips", timeout=PATIENT)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("button", name="Retry")).to_be_hidden()


def test_what_has_arrived_stays_when_the_service_is_lost(
    open_page: OpenPage, gated: StubServer, six_clips: Path
) -> None:
    with Relay(gated.port) as relay:
        page = open_page(relay.url)
        gated.gate.close(after=3)
        choose(page, six_clips)
        expect(page.locator("#stage")).to_contain_text("Classifying: 3 clips")
        relay.cut()
        expect(page.get_by_role("alert")).to_contain_text("The connection to the service was lost.")
        expect(page.get_by_role("alert")).to_contain_text("Incomplete")
        expect(page.locator("#votes li").first).to_contain_text("of 3")
        gated.gate.open()
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("alert")).to_contain_text("The connection to the service was lost.")
        relay.mend()
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("#verdict")).to_contain_text("of 6 clips", timeout=PATIENT)


def test_errors_are_said_plainly_and_do_not_stop_the_list(page: Page, films: list[Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"just text")
    (tmp_path / "empty.mp4").write_bytes(b"")
    choose(page, tmp_path / "notes.txt", tmp_path / "empty.mp4", films[0])
    expect(page.get_by_role("alert")).to_contain_text("Not a supported video")
    expect(page.get_by_role("alert")).to_contain_text("Request ")
    expect(page.locator("#times")).to_be_hidden()
    expect(entries(page).nth(1)).to_contain_text("Video cannot be decoded")
    expect(entries(page).nth(2)).to_contain_text("static", timeout=PATIENT)
