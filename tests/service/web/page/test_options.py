"""What is asked of the service besides the video."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from ....support.browser import PATIENT, answer_with, choose, drag, show, verdict
from ....support.made_answers import made_answer

ANSWER = made_answer(["static", "zoom in", "zoom in", "pan left"])


def options(page: Page) -> None:
    page.get_by_text("Options", exact=False).first.click()


def query(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items() if name != "top_k"}


def test_nothing_is_asked_unless_it_is_said(page: Page) -> None:
    [url] = show(page, ANSWER)
    assert query(url) == {}


def test_a_preset_fills_the_fields_and_a_field_makes_it_custom(page: Page) -> None:
    options(page)
    preset = page.get_by_label("Preset")
    preset.select_option("torchvision")
    expect(page.get_by_label("Frames a second")).to_have_value("15")
    page.get_by_label("Sure from").fill("0.25")
    expect(preset).to_have_value("torchvision")
    page.get_by_label("Stride, frames").fill("16")
    expect(preset).to_have_value("custom")
    [url] = show(page, ANSWER)
    assert query(url) == {
        "frame_rate": "15",
        "clips": "5",
        "aggregate": "mean",
        "stride": "16",
        "threshold": "0.25",
    }
    expect(page.locator("#curl")).to_contain_text("clips=5")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#options-said")).to_be_empty()
    preset.select_option("dense")
    asked = answer_with(page, ANSWER)
    page.get_by_role("button", name="Classify it again").click()
    expect(page.locator("#list .open")).to_have_count(2)
    expect(verdict(page)).to_be_visible()
    assert [query(each) for each in asked] == [{"stride": "8"}]


def test_what_is_typed_holds_for_the_next_video_too(page: Page) -> None:
    options(page)
    page.get_by_label("Start, seconds").fill("1.5")
    urls = show(page, ANSWER)
    show(page, ANSWER, "next.mp4")
    assert [query(url) for url in urls] == [{"start": "1.5"}]
    expect(page.get_by_label("Start, seconds")).to_have_value("1.5")
    expect(page.locator("#list .open").nth(1)).to_contain_text("start 1.5 s")


def test_a_part_that_is_dragged_is_classified(page: Page, five_clips: Path) -> None:
    choose(page, five_clips)
    expect(verdict(page)).to_be_visible(timeout=PATIENT)
    drag(page, 0.3, 0.75)
    options(page)
    start = float(page.get_by_label("Start, seconds").input_value())
    end = float(page.get_by_label("End, seconds").input_value())
    assert [start, end] == pytest.approx([0.3 * 160 / 30, 0.75 * 160 / 30], abs=0.05)
    page.get_by_role("button", name="Classify only this").click()
    expect(page.locator("#list .open")).to_have_count(2)
    expect(page.locator("#list .open").nth(1)).to_contain_text(f"start {start:.3f} s, end {end:.3f} s")
    expect(page.locator("#verdict")).to_contain_text("of 2 clips", timeout=PATIENT)
    expect(page.locator("#rows tr").first).to_contain_text("0:01.6")


def test_a_value_that_cannot_be_is_not_sent(page: Page) -> None:
    asked = answer_with(page, ANSWER)
    options(page)
    page.get_by_label("Sure from").fill("7")
    choose(page, {"name": "x.mp4", "mimeType": "video/mp4", "buffer": b"x"})
    expect(page.get_by_label("Sure from")).to_be_focused()
    expect(page.locator("#videos")).to_be_hidden()
    assert asked == []
