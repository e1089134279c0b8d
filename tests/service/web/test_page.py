"""The web page, in Debian's Chromium."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from service.web.page import STATIC

from ...support.live_server import LiveServer, StubServer
from ...support.videos import MPEG2, write_video
from ...support.waiting import eventually

CHROMIUM = shutil.which("chromium")
TOUR = STATIC / "samples" / "tour.mp4"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, server: LiveServer) -> Iterator[Page]:
    """The page, just opened; at the end, whether the console stayed clean."""
    context = browser.new_context(base_url=server.url, permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto("/")
    yield opened
    # The browser itself notes every answer of 400 and above there.
    assert [each for each in complaints if "status of 4" not in each] == []
    context.close()


def upload(page: Page, path: Path) -> None:
    page.get_by_label("Choose a video").set_input_files(path)


def assert_accessible(page: Page) -> None:
    eventually(lambda: page.evaluate("document.getAnimations().length === 0"))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_an_upload_from_choice_to_verdict(page: Page, server: LiveServer) -> None:
    expected = server.post(TOUR.read_bytes()).json()
    backend = server.client.get("/health").json()["model"]["backend"]
    expect(page.get_by_text(f"camera-motion · r3d_18 · {backend}")).to_be_visible()
    upload(page, TOUR)
    expect(page.get_by_role("status")).to_contain_text("pan right", timeout=30_000)
    expect(page.get_by_role("status")).to_contain_text("4 of 12 clips, confidence ")
    clips = page.get_by_role("option")
    expect(clips).to_have_count(12)
    for index, clip in enumerate(expected["clips"]):
        expect(clips.nth(index)).to_have_accessible_name(re.compile(rf"Clip {index + 1}, .*: {clip['label']}, \d+ %"))
    votes = page.locator("#votes li")
    expect(votes).to_have_count(5)
    expect(votes.first).to_have_text(re.compile("pan right.*4 of 12", re.DOTALL))
    expect(page.locator("#curl")).to_contain_text(f"curl -F file=@tour.mp4 {server.url}/classify")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    widths = clips.evaluate_all("nodes => nodes.map(node => node.getBoundingClientRect().width)")
    assert sum(widths) == pytest.approx(page.locator("#timeline").evaluate("node => node.clientWidth"), rel=0.05)


def test_json_to_copy_is_the_services_answer(page: Page, server: LiveServer, video: Path) -> None:
    expected = server.post(video.read_bytes()).json()
    upload(page, video)
    page.get_by_text("The answer as JSON").click(timeout=30_000)
    page.get_by_role("button", name="Copy the JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied.keys() == expected.keys()
    assert {**copied, "timing": None} == {**expected, "timing": None}


def test_clips_fill_in_while_the_rest_is_classified(browser: Browser, gated: StubServer, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 6, size=(64, 48))
    page = browser.new_page()
    page.goto(gated.url)
    gated.gate.close(after=2)
    upload(page, video)
    expect(page.get_by_role("option")).to_have_count(2)
    expect(page.locator("#stage")).to_contain_text("Classifying: 2 clips")
    expect(page.get_by_role("status")).to_be_empty()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Choose a video")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_hidden()
    gated.gate.open()
    upload(page, video)
    expect(page.get_by_role("option")).to_have_count(6)
    page.close()


def test_with_the_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="API")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose a video")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="a camera that looks around")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("pan right", timeout=30_000)
    page.get_by_role("listbox", name="Clips").focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("option", selected=True)).to_have_accessible_name(re.compile("^Clip 1,"))
    expect(page.locator("#clip-title")).to_contain_text("Clip 1")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#clip-title")).to_contain_text("Clip 5")
    expect(page.locator("#top li")).to_have_count(5)
    expect(page.locator("#top li").first).to_contain_text("pan left")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    eventually(lambda: page.evaluate("document.querySelector('video').currentTime > 4.1"))
    eventually(lambda: page.evaluate("document.querySelector('video').paused"))  # at the clip's end
    assert page.evaluate("document.querySelector('video').currentTime") < 6
    page.keyboard.press("End")
    expect(page.get_by_role("option", selected=True)).to_have_accessible_name(re.compile("^Clip 12,"))


def test_the_mouse_shows_and_plays_a_clip(page: Page) -> None:
    page.get_by_role("button", name="one that zooms").click()
    expect(page.get_by_role("status")).to_contain_text("zoom in", timeout=30_000)
    page.get_by_role("option").nth(2).hover()
    expect(page.locator("#clip-title")).to_contain_text("Clip 3")
    page.get_by_role("option").nth(6).click()
    eventually(lambda: page.evaluate("document.querySelector('video').currentTime > 8"))
    page.get_by_role("button", name="Another video").click()
    expect(page.get_by_label("Choose a video")).to_be_focused()


def test_errors_are_said_plainly(page: Page, video: Path, tmp_path: Path) -> None:
    alert = page.get_by_role("alert")
    for name, content, said in (
        ("notes.txt", b"just text", "Not a supported video"),
        ("empty.mp4", b"", "Video cannot be decoded"),
    ):
        (tmp_path / name).write_bytes(content)
        upload(page, tmp_path / name)
        expect(alert).to_contain_text(said)
        expect(alert).to_contain_text("Request ")
        expect(page.get_by_text("Drop a video here")).to_be_visible()
        assert_accessible(page)
    upload(page, video)
    expect(page.get_by_role("status")).to_contain_text("of 2 clips", timeout=30_000)
    expect(alert).to_be_hidden()


def test_a_file_the_browser_cannot_play_is_classified_all_the_same(page: Page, tmp_path: Path) -> None:
    video = write_video(tmp_path / "old.avi", 64, MPEG2)
    upload(page, video)
    expect(page.get_by_role("option")).to_have_count(2, timeout=30_000)
    expect(page.get_by_text("This browser cannot play the file")).to_be_visible()
    expect(page.get_by_role("status")).not_to_be_empty()


def looks(page: Page) -> Iterator[int]:
    """Show the page light and dark, narrow and wide; its width."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for width in (360, 1400):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size({"width": width, "height": 800})
            yield width


def test_accessible_light_and_dark_narrow_and_wide(page: Page) -> None:
    for _ in looks(page):
        assert_accessible(page)
    page.get_by_role("button", name="a camera that looks around").click()
    expect(page.get_by_role("status")).to_contain_text("pan right", timeout=30_000)
    page.get_by_text("The answer as JSON").click()
    for width in looks(page):
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_needs_nothing_from_elsewhere(server: LiveServer) -> None:
    answer = server.client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for path in sorted(STATIC.glob("*.*")):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text()), path
    for file in re.findall(r'(?:src|href)="(static/[^"]+)"', answer.text):
        found = server.client.get("/" + file)
        assert found.status_code == 200
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["content-security-policy"] == policy


def test_static_files_stay_within_their_folder(server: LiveServer) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/static/nothing.js", "/static/samples"):
        assert httpx.get(server.url + path).status_code == 404
