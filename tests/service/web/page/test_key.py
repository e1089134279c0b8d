"""`R3D_API_KEY` in Chromium."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ....support.browser import PATIENT, choose, give_key, verdict
from ....support.live_server import API_KEY, StubServer
from .conftest import OpenPage


@pytest.fixture
def locked_page(open_page: OpenPage, locked: StubServer) -> Page:
    return open_page(locked.url)


def test_the_page_asks_for_the_key_and_keeps_it_for_the_session(locked_page: Page, video: Path) -> None:
    page = locked_page
    dialog = page.get_by_role("dialog", name="This service asks for a key")
    expect(page.get_by_label("API key")).to_be_focused()
    give_key(page, "wrong horse")
    expect(dialog.get_by_role("alert")).to_have_text("That is not the key.")
    give_key(page, API_KEY)
    expect(dialog).to_be_hidden()
    expect(page.locator("#names-count")).to_contain_text("9 labels")
    page.reload()
    expect(page.locator("#names-count")).to_contain_text("9 labels")
    choose(page, video)
    expect(verdict(page)).to_be_visible(timeout=PATIENT)
    expect(page.locator("#curl")).to_contain_text('-H "Authorization: Bearer $R3D_API_KEY"')
    assert API_KEY not in page.content()


def test_who_has_no_key_now_may_give_it_later(locked_page: Page, video: Path) -> None:
    page = locked_page
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("button", name="Enter the key")).to_be_visible()
    choose(page, video)
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.press("Escape")  # is for the question, not for the video
    expect(page.locator("#problem")).to_contain_text("Unauthorized")
    page.get_by_role("button", name="Enter the key").click()
    give_key(page, API_KEY)
    expect(page.get_by_role("button", name="Enter the key")).to_be_hidden()
    page.get_by_role("button", name="Retry").click()
    expect(verdict(page)).to_be_visible(timeout=PATIENT)


def test_chromium_itself_asks_where_there_is_no_page_of_ours(open_page: OpenPage, locked: StubServer) -> None:
    credentials = {"username": "anybody", "password": API_KEY}
    page = open_page(locked.url, http_credentials=credentials)
    answer = page.goto("/labels")
    assert answer is not None
    assert answer.status == 200
