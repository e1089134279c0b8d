"""No violation that axe finds, in any state, light or dark, narrow or wide; and all of it by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect

from ....support.browser import PATIENT, assert_accessible, choose, lanes, show, verdict
from ....support.live_server import StubServer
from ....support.made_answers import made_answer
from .conftest import OpenPage


def looks(page: Page) -> Iterator[int]:
    """Show the page light and narrow, then dark and wide; its width."""
    shown: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 360), ("dark", 1400))
    for scheme, width in shown:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 800})
        yield width


def assert_fits(page: Page) -> None:
    for width in looks(page):
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_screen(page: Page) -> None:
    expect(page.locator("#names-list li")).to_have_count(9)
    page.get_by_text("Options", exact=False).first.click()
    assert_fits(page)


def test_a_verdict(page: Page, five_clips: Path) -> None:
    show(page, made_answer(["zoom in"] * 3 + ["pan left"] * 2), content=five_clips.read_bytes())
    page.get_by_text("The answer as JSON").click()
    page.locator("#times").get_by_text("Mouse, touch and keys").click()
    lanes(page).focus()
    for key in ("Home", "i", "ArrowRight", "o"):
        page.keyboard.press(key)
    page.locator("#times .legend button").first.click()
    assert_fits(page)


def test_no_sure_verdict(page: Page) -> None:
    show(page, made_answer(["zoom in", "static", "pan left"], warnings=["low confidence", "partial"]))
    assert_fits(page)


def test_a_run_and_what_is_left_of_it(page: Page, gated: StubServer, five_clips: Path) -> None:
    gated.gate.close()
    choose(page, five_clips, five_clips)
    gated.gate.wait_held()
    expect(page.locator("#stage")).to_have_text("Classifying")
    assert_accessible(page)
    gated.gate.close(after=1)
    expect(page.locator("#stage")).to_contain_text("1 clip")
    assert_accessible(page)
    page.get_by_role("button", name="Remove all").focus()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_fits(page)


def test_the_question_for_the_key(open_page: OpenPage, locked: StubServer) -> None:
    page = open_page(locked.url)
    page.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That is not the key.")).to_be_visible()
    assert_fits(page)


def test_with_the_keyboard_alone(real_page: Page) -> None:
    page = real_page
    for role, name in (("link", "API"), ("button", "Choose a video"), ("button", "a camera that looks around")):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if role != "button" or name != "Choose a video":
            expect(focused).to_have_role(role)  # type: ignore[arg-type]
        expect(focused).to_have_accessible_name(name)
    page.keyboard.press("Enter")
    expect(verdict(page)).to_have_text("No single label", timeout=PATIENT)
    lanes(page).focus()
    page.keyboard.press("Home")
    expect(lanes(page).get_by_role("option", selected=True)).to_contain_text("Clip 1, 0:00.0 to 0:01.3: pan right, ")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#clip-title")).to_contain_text("Clip 5")
    expect(page.locator("#top li").first).to_contain_text("pan left")
    page.locator("#rows button").nth(3).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#rows tr.now")).to_contain_text("static")
