"""How sure an answer is can be seen."""

import re

from playwright.sync_api import Page, expect

from ....support.browser import module, show, verdict
from ....support.made_answers import made_answer

LOW = ["low confidence"]


def test_a_sure_answer_is_a_headline(page: Page) -> None:
    show(page, made_answer(["zoom in"] * 3 + ["static"]))
    expect(verdict(page)).to_have_text("zoom in")
    expect(page.locator("#verdict")).to_contain_text("3 of 4 clips, confidence 68%. 128 frames in 0.0 s.")
    expect(page.locator("#verdict .unsure")).to_have_count(0)


def test_a_tie_of_three_is_no_headline(page: Page) -> None:
    show(page, made_answer(["zoom in", "static", "pan left"], warnings=LOW))
    expect(page.locator("#verdict .unsure strong")).to_have_text("No single label")
    expect(page.locator("#verdict")).to_contain_text("Zoom in, static and pan left take turns")
    expect(page.locator("#list .open")).to_contain_text("zoom in, static and pan left")


def test_without_a_segment_the_closest_labels_are_said(page: Page) -> None:
    show(page, made_answer(["zoom in", "static", "static"], probability=0.4, warnings=LOW))
    expect(verdict(page)).to_have_text("Not sure")
    expect(page.locator("#verdict")).to_contain_text("Closest: static (27%) and zoom in (13%).")
    expect(page.locator("#no-segments")).to_contain_text("No clip is as sure as 60%")


def test_a_label_of_some_parts_is_a_perhaps(page: Page) -> None:
    answer = made_answer(["zoom in"] * 4, warnings=LOW)
    show(page, answer | {"segments": [answer["segments"][0] | {"clips": 1}]})
    expect(verdict(page)).to_have_text("Perhaps zoom in")


def test_other_warnings_are_said_in_words(page: Page) -> None:
    show(page, made_answer(["zoom in"] * 4, warnings=["partial", "frames repeated"]))
    expect(verdict(page)).to_have_text("zoom in")
    expect(page.locator("#verdict")).to_contain_text("damaged or missing")
    expect(page.locator("#verdict")).to_contain_text("some were repeated")


def test_what_rounds_to_nothing_is_no_row(page: Page) -> None:
    show(page, made_answer(["zoom in", "static", "pan left"], probability=0.998))
    expect(page.locator("#top li")).to_have_count(1)
    expect(page.locator("#top li")).to_have_text(re.compile("100%"))


def test_segments_before_the_answer_are_the_services_own(modules: Page) -> None:
    answer = made_answer(["zoom in"] * 3 + ["static"] + ["zoom in"] * 2)
    found = module(modules, "runs/segments.js", "it.segmentsOf(given, 0.6)", answer["clips"])
    assert [{**each, "confidence": 0.9} for each in found] == answer["segments"]
    assert module(modules, "runs/segments.js", "it.segmentsOf(given, 0.95)", answer["clips"]) == []


def test_segments_of_overlapping_clips_meet_in_the_middle(modules: Page) -> None:
    clips = made_answer(["zoom in", "static"])["clips"]
    clips[1] |= {"start_frame": 16, "start_seconds": 0.5}
    first, second = module(modules, "runs/segments.js", "it.segmentsOf(given)", clips)
    assert first["end_frame"] == second["start_frame"] == 24
    assert first["end_seconds"] == second["start_seconds"] == (clips[0]["end_seconds"] + 0.5) / 2
