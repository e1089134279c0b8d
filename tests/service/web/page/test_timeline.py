"""A timeline of segments that holds an hour of video."""

import pytest
from playwright.sync_api import Page, expect

from ....support.browser import drag, lanes, module, point, seconds_at, selected, show
from ....support.live_server import StubServer
from ....support.made_answers import CAMERA, made_answer, varied
from ....support.waiting import eventually
from .conftest import OpenPage

HOUR = made_answer(varied(3375))
MINUTES = made_answer(varied(562))  # 599.5 seconds
SHORT = made_answer(["zoom in"] * 3 + ["static"] * 2 + ["zoom in"] + ["pan left"] * 4)
# Rows of the timeline, as shares of its height.
SEGMENTS = 0.15
CLIPS = 0.75
NAMED = "zoom in", "static", "pan left"

# How many pixels of a row of the timeline, by its share of the height, have something drawn on them.
DRAWN = """([box, y]) => {
  const canvas = box.querySelector(".still");
  const row = canvas.getContext("2d").getImageData(0, Math.floor(canvas.height * y), canvas.width, 1).data;
  let drawn = 0;
  for (let pixel = 3; pixel < row.length; pixel += 4) drawn += row[pixel] > 200;
  return drawn / canvas.width;
}"""

# As many clips of a second on 800 pixels: how many marks, which clips are seen of 20 seconds, how many marks are lit.
MARKS = """(await (async () => {
  const { Scale } = await import("./static/js/timeline/scale.js");
  const clip = (index) => ({
    index, label: LABEL, probability: 0.9, start_seconds: index, end_seconds: index + 1
  });
  const clips = Array.from({ length: given }, (_, index) => clip(index));
  const scale = Object.assign(new Scale(), { width: 800 });
  const look = { strength: "probability", isLit: (label) => LIT };
  scale.setTotal(given);
  const whole = it.marksOf(clips, scale, look);
  scale.show(5000, 5020);
  const seen = it.marksOf(clips, scale, look).map(({ item }) => item.index);
  return [whole.length, seen, whole.filter(({ lit }) => lit).length];
})())"""


def drawn(page: Page, y: float) -> float:
    share: float = page.evaluate(DRAWN, [lanes(page).element_handle(), y])
    return share


@pytest.mark.parametrize("width", [360, 1400])
def test_an_hour_is_seen_from_end_to_end(open_page: OpenPage, stub_server: StubServer, width: int) -> None:
    page = open_page(stub_server.url, viewport={"width": width, "height": 800})
    show(page, HOUR)
    eventually(lambda: drawn(page, SEGMENTS) > 0.75 and drawn(page, CLIPS) > 0.9)
    assert seconds_at(page, 0.999) == pytest.approx(3600, abs=15)
    expect(page.locator("#rows tr")).to_have_count(len(HOUR["segments"]))


def test_of_ten_thousand_clips_no_more_is_drawn_than_there_are_pixels(modules: Page) -> None:
    marks = MARKS.replace("LABEL", "`label ${index % 7}`").replace("LIT", "true")
    whole, seen, _ = module(modules, "timeline/marks.js", marks, 10_000)
    assert 400 < whole <= 800
    assert seen == list(range(5000, 5020))


def test_of_what_shares_a_pixel_the_label_looked_for_is_seen(modules: Page) -> None:
    marks = MARKS.replace("LABEL", "`label ${index % 100}`").replace("LIT", "label === 'label 7'")
    assert module(modules, "timeline/marks.js", f"{marks}[2]", 5_000) == 50


def test_the_wheel_zooms_and_moves(page: Page) -> None:
    show(page, MINUTES)
    before = seconds_at(page, 0.25)
    page.keyboard.down("Control")
    for _ in range(3):
        page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    eventually(lambda: seconds_at(page, 0.9) - seconds_at(page, 0.1) < 250)
    assert seconds_at(page, 0.25) == pytest.approx(before, abs=2)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, 300)
    page.keyboard.up("Shift")
    eventually(lambda: seconds_at(page, 0.25) > before + 15)
    page.get_by_role("button", name="Show all").click()
    assert seconds_at(page, 0.25) == pytest.approx(before, abs=2)


def test_the_wheel_is_the_pages_until_the_timeline_is_clicked(page: Page) -> None:
    show(page, MINUTES)
    page.set_viewport_size({"width": 1000, "height": 500})
    before = seconds_at(page, 0.9)
    scrolled = page.evaluate("scrollY")
    page.mouse.wheel(0, -60)
    eventually(lambda: page.evaluate("scrollY") < scrolled)
    assert seconds_at(page, 0.9) == before
    page.mouse.click(*point(page, 0.5))
    page.mouse.move(*point(page, 0.5))
    page.mouse.wheel(0, -400)
    eventually(lambda: seconds_at(page, 0.9) < before - 50)


def test_two_fingers_zoom_and_one_moves(open_page: OpenPage, stub_server: StubServer) -> None:
    page = open_page(stub_server.url, has_touch=True, viewport={"width": 800, "height": 900})
    show(page, MINUTES)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *shares: float) -> None:
        places = [point(page, share) for share in shares]
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.4, 0.6)
    for apart in (0.2, 0.3, 0.4):
        touch("touchMove", 0.5 - apart, 0.5 + apart)
    touch("touchEnd")
    eventually(lambda: seconds_at(page, 0.99) - seconds_at(page, 0.01) < 200)
    before = seconds_at(page, 0.01)
    touch("touchStart", 0.8)
    for place in (0.7, 0.5, 0.3):
        touch("touchMove", place)
    touch("touchEnd")
    eventually(lambda: seconds_at(page, 0.01) > before + 15)


def test_keys_choose_clips_and_zoom(page: Page) -> None:
    show(page, SHORT)
    lanes(page).focus()
    for key, expected in (
        ("Home", 1),
        ("ArrowRight", 2),
        ("Shift+ArrowRight", 4),
        ("Shift+ArrowRight", 6),
        ("ArrowLeft", 5),
        ("Shift+ArrowLeft", 4),
        ("End", 10),
        ("ArrowRight", 10),
    ):
        page.keyboard.press(key)
        assert selected(page) == expected, key
    expect(page.locator("#clip-title")).to_contain_text("Clip 10")
    for _ in range(4):
        page.keyboard.press("+")
    eventually(lambda: seconds_at(page, 0.99) - seconds_at(page, 0.01) < 3)
    page.keyboard.press("Home")
    eventually(lambda: seconds_at(page, 0.01) < 0.1)
    page.keyboard.press("PageDown")
    eventually(lambda: seconds_at(page, 0.01) > 1)
    page.keyboard.press("0")
    eventually(lambda: seconds_at(page, 0.99) > 10)


def test_the_overview_is_dragged(page: Page) -> None:
    show(page, MINUTES)
    for _ in range(6):
        page.locator("#times").get_by_role("button", name="Zoom in").click()
    page.locator("#times .overview").scroll_into_view_if_needed()
    box = page.locator("#times .overview").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle)
    page.mouse.up()
    eventually(lambda: seconds_at(page, 0.5) == pytest.approx(450, abs=5))


def test_the_tooltip_says_what_is_there(page: Page) -> None:
    show(page, SHORT)
    page.mouse.move(*point(page, 0.45))
    tip = page.locator("#times .tip")
    for text in ("static 90%, 0:03.2 – 0:05.3", "Clip 5", "pan left 5%"):
        expect(tip).to_contain_text(text)
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()


def test_the_legend_shows_only_the_chosen_labels(page: Page) -> None:
    show(page, SHORT)
    legend = page.locator("#times").get_by_role("group", name="Show only these labels")
    expect(legend.get_by_role("button")).to_have_text(["zoom in", "pan left", "static"])
    eventually(lambda: drawn(page, CLIPS) > 0.9)
    legend.get_by_role("button", name="zoom in").click()
    expect(page.locator("#rows tr")).to_have_count(2)
    eventually(lambda: 0.3 < drawn(page, CLIPS) < 0.5)  # the rest is faint
    legend.get_by_role("button", name="static").click()
    expect(page.locator("#rows tr")).to_have_count(3)
    for name in ("zoom in", "static"):
        legend.get_by_role("button", name=name, pressed=True).click()
    expect(page.locator("#rows tr")).to_have_count(4)


def test_a_label_has_its_colour_in_every_video(page: Page) -> None:
    show(page, SHORT)
    colour = "nodes => Object.fromEntries(nodes.map(each => [each.innerText, each.firstChild.style.background]))"
    buttons = page.locator("#times .legend button")
    first = buttons.evaluate_all(colour)
    assert set(first) == set(NAMED)
    page.unroute("**/classify?*")
    show(page, made_answer(["pan left", "tilt up", "static"]), "other.mp4")
    expect(buttons).to_have_count(3)
    second = buttons.evaluate_all(colour)
    assert {name: second[name] for name in ("pan left", "static")} == {
        name: first[name] for name in ("pan left", "static")
    }
    assert len({*first.values(), *second.values()}) == 4


def test_the_bundled_models_labels_are_told_apart(modules: Page) -> None:
    names = [*CAMERA, "roll counterclockwise"]
    colours = module(modules, "colours.js", "given.map((name) => it.colourOf(name))", names)
    for index, one in enumerate(colours):
        for other in colours[:index]:
            turn = abs(one["hue"] - other["hue"])
            assert min(turn, 360 - turn) > 25 or one["shade"] != other["shade"]


def test_a_drag_chooses_a_part_to_zoom_to(page: Page) -> None:
    show(page, MINUTES)
    drag(page, 0.25, 0.5)
    chosen = page.locator("#times").get_by_role("group", name="Chosen part")
    expect(chosen).to_contain_text("Chosen: ")
    chosen.get_by_role("button", name="Zoom to it").click()
    eventually(lambda: seconds_at(page, 0.01) == pytest.approx(150, abs=4))
    assert seconds_at(page, 0.99) == pytest.approx(300, abs=4)
    page.keyboard.press("Escape")
    expect(chosen).to_be_hidden()


def test_i_and_o_choose_a_part_by_keys(page: Page) -> None:
    show(page, SHORT)
    lanes(page).focus()
    for key in ("Home", "ArrowRight", "i", "ArrowRight", "ArrowRight", "o"):
        page.keyboard.press(key)
    expect(page.locator("#times .range")).to_contain_text("Chosen: 0:01.1 – 0:04.3")
