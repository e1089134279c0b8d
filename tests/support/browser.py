"""What people do with the page, in a real browser."""

import re
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from service.web.page import STATIC

from .made_answers import Answer, lines
from .waiting import eventually

TOUR = STATIC / "samples" / "tour.mp4"
PATIENT = 30_000  # milliseconds for real work of the service
NDJSON = "application/x-ndjson"


def choose(page: Page, *files: Path | FilePayload) -> None:
    """Choose files by the page's button."""
    page.get_by_label("Choose a video").set_input_files(list(files))  # type: ignore[arg-type]


def drop(page: Page, selector: str, **files: bytes) -> None:
    """Drop files of text, by their names without `.mp4`, onto an element."""
    content = {f"{name}.mp4": value.decode() for name, value in files.items()}
    transfer = page.evaluate_handle(
        """files => {
             const transfer = new DataTransfer();
             for (const [name, text] of Object.entries(files)) {
               transfer.items.add(new File([text], name, { type: "video/mp4" }));
             }
             return transfer;
           }""",
        content,
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(selector, event, {"dataTransfer": transfer})


def answer_with(page: Page, answer: Answer, body: str | None = None) -> list[str]:
    """Have uploads answered so, without the service; the addresses that are asked, as they come."""
    asked: list[str] = []

    def respond(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=200, content_type=NDJSON, body=body or lines(answer, clips=0))

    page.route("**/classify?*", respond)
    return asked


def show(page: Page, answer: Answer, name: str = "made.mp4", content: bytes | None = None) -> list[str]:
    """The page with this answer open. Without `content` the browser has nothing that it could play."""
    asked = answer_with(page, answer)
    choose(page, {"name": name, "mimeType": "video/mp4", "buffer": content or b"no video"})
    expect(page.locator("#verdict strong")).to_be_visible()
    return asked


def verdict(page: Page) -> Locator:
    return page.locator("#verdict strong")


def lanes(page: Page) -> Locator:
    """The timeline of the open video."""
    return page.locator("#times").get_by_role("listbox", name="Clips")


def point(page: Page, share: float, y: float = 0.7) -> tuple[float, float]:
    """A place on the timeline, as shares of its width and height."""
    lanes(page).scroll_into_view_if_needed()
    box = lanes(page).bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + y * box["height"]


def seconds_at(page: Page, share: float) -> float:
    """What time the timeline has at a place, as its tooltip says."""
    page.mouse.move(*point(page, share))
    return seconds_of(page.locator("#times .tip b").inner_text())


def seconds_of(clock: str) -> float:
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total


def drag(page: Page, start: float, end: float) -> None:
    """With the mouse along the timeline."""
    page.mouse.move(*point(page, start))
    page.mouse.down()
    page.mouse.move(*point(page, (start + end) / 2))
    page.mouse.move(*point(page, end))
    page.mouse.up()


def selected(page: Page) -> int:
    """The number of the chosen clip, from 1."""
    name = lanes(page).get_by_role("option", selected=True).inner_text()
    found = re.match(r"Clip (\d+),", name)
    assert found
    return int(found[1])


def player(page: Page, what: str) -> Any:
    """A property of the video element."""
    return page.evaluate(f"document.getElementById('player').{what}")


def module(page: Page, path: str, expression: str, argument: object = None) -> Any:
    """The value of an expression with `it`, one of the page's modules, and `given`."""
    return page.evaluate(
        f"async given => {{ const it = await import('./static/js/{path}'); return {expression}; }}", argument
    )


def assert_accessible(page: Page) -> None:
    eventually(lambda: page.evaluate("document.getAnimations().every(each => each.playState !== 'running')"))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def give_key(page: Page, key: str) -> None:
    """Answer the page's question for the API key."""
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use it").click()
