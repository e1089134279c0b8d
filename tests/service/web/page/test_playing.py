"""Player, panel and timeline in step."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ....support.browser import choose, lanes, player, point, selected, show, verdict
from ....support.made_answers import made_answer
from ....support.videos import MPEG2, write_video
from ....support.waiting import eventually

FRAME = 1 / 30  # of made answers


@pytest.fixture
def played(page: Page, five_clips: Path) -> Page:
    """A page with a video that plays, of 5 clips of 1.07 s."""
    labels = ["static", "zoom in", "zoom in", "pan left", "pan left"]
    show(page, made_answer(labels), content=five_clips.read_bytes())
    eventually(lambda: player(page, "readyState") >= 2)
    return page


def test_the_panel_follows_what_plays(played: Page) -> None:
    lanes(played).focus()
    played.keyboard.press("Home")
    played.evaluate(
        """() => {
          const title = document.getElementById("clip-title");
          globalThis.seen = [];
          new MutationObserver(() => seen.push(title.textContent.split(":")[0])).observe(title, { childList: true });
        }"""
    )
    played.locator("#rows button").nth(1).click()  # the segment of clips 2 and 3
    eventually(lambda: player(played, "paused") and player(played, "currentTime") > 3)
    assert played.evaluate("[...new Set(seen)]") == ["Clip 2", "Clip 3"]
    assert selected(played) == 3
    expect(played.locator("#rows tr.now")).to_contain_text("zoom in")


@pytest.mark.parametrize("clip", [1, 3])
def test_playing_stops_at_the_clips_last_frame(played: Page, clip: int) -> None:
    end = clip * 32 * FRAME
    played.mouse.click(*point(played, (clip - 0.5) / 5))
    assert selected(played) == clip
    eventually(
        lambda: player(played, "paused") and not player(played, "seeking") and player(played, "currentTime") > end - 1
    )
    assert end - FRAME <= player(played, "currentTime") < end


def test_enter_plays_the_chosen_clip(played: Page) -> None:
    lanes(played).focus()
    for key in ("Home", "ArrowRight", "Enter"):
        played.keyboard.press(key)
    eventually(lambda: not player(played, "paused"))
    eventually(lambda: player(played, "paused") and player(played, "currentTime") > 2)
    assert selected(played) == 2


def test_whoever_looks_elsewhere_plays_on(played: Page) -> None:
    lanes(played).focus()
    for key in ("Home", "Enter"):
        played.keyboard.press(key)
    eventually(lambda: not player(played, "paused"))
    played.evaluate("document.getElementById('player').currentTime = 4")
    eventually(lambda: player(played, "currentTime") > 4.2)
    assert not player(played, "paused")


def test_in_the_end_the_strongest_segment_is_shown(page: Page, five_clips: Path) -> None:
    answer = made_answer(["pan left", "zoom in", "zoom in", "static", "zoom in"])
    for clip, probability in zip(answer["clips"], (0.99, 0.7, 0.95, 0.8, 0.75), strict=True):
        clip["probability"] = probability
    for segment, confidence in zip(answer["segments"], (0.99, 0.825, 0.8, 0.75), strict=True):
        segment["confidence"] = confidence
    show(page, answer, content=five_clips.read_bytes())
    assert selected(page) == 3
    expect(page.locator("#clip-title")).to_contain_text("Clip 3")
    eventually(lambda: player(page, "currentTime") == pytest.approx(2 * 32 * FRAME, abs=0.01))


def test_pictures_are_along_the_timeline_where_the_browser_plays_the_video(played: Page) -> None:
    colours = """box => {
      const canvas = box.querySelector(".still");
      const row = canvas.getContext("2d").getImageData(0, 24, canvas.width, 1).data;
      return new Set(new Uint32Array(row.buffer)).size;
    }"""
    eventually(lambda: played.evaluate(colours, lanes(played).element_handle()) > 50)
    assert lanes(played).evaluate("box => box.clientHeight") > 150


def test_without_a_player_there_are_no_pictures(page: Page, tmp_path: Path) -> None:
    choose(page, write_video(tmp_path / "old.avi", 64, MPEG2))
    expect(page.get_by_text("This browser cannot play the file")).to_be_visible()
    expect(verdict(page)).to_be_visible()
    expect(page.locator("#rows tr")).not_to_have_count(0)
    assert lanes(page).evaluate("box => box.clientHeight") < 150
    lanes(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")  # there is nothing to play, and nothing goes wrong
    expect(page.locator("#clip-title")).to_have_text(re.compile("Clip 1:"))
