"""Drops anywhere, progress, and what can be taken away."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.web.page import STATIC

from ....support.browser import PATIENT, answer_with, choose, drop, module, show, verdict
from ....support.live_server import LiveServer, StubServer
from ....support.made_answers import made_answer
from ....support.videos import write_video
from .conftest import OpenPage


@pytest.mark.parametrize("place", ["header", "#names", "body"])
def test_videos_may_be_dropped_anywhere(page: Page, place: str) -> None:
    asked = answer_with(page, made_answer(["static"]))
    drop(page, place, first=b"no video", second=b"neither")
    expect(page.locator("#list .open b")).to_have_text(["first.mp4", "second.mp4"])
    expect(page.get_by_text("Drop to classify")).to_be_hidden()
    expect(page.locator("#list .open")).to_contain_text(["static, 90%", "static, 90%"])
    assert len(asked) == 2


def test_a_drag_over_the_page_says_that_it_may_be_dropped(page: Page) -> None:
    transfer = page.evaluate_handle(
        "() => { const it = new DataTransfer(); it.items.add(new File(['x'], 'x.mp4')); return it; }"
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop to classify")).to_be_visible()
    page.dispatch_event("body", "dragleave", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop to classify")).to_be_hidden()


def test_a_phone_is_asked_to_choose_a_video(open_page: OpenPage, stub_server: StubServer) -> None:
    page = open_page(stub_server.url, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    expect(page.get_by_text("Choose a video")).to_be_visible()
    expect(page.get_by_text("Drop videos here")).to_be_hidden()


def test_the_time_that_is_left_is_estimated(modules: Page) -> None:
    run = {
        "state": "classifying",
        "startedAt": 0,
        "seconds": 100,
        "options": {},
        "clips": [{"end_seconds": 25}],
    }
    said = module(modules, "views/verdict.js", "it.progressOf(given, 10_000)", run)
    assert said == {"text": "Classifying: 1 clip, up to 0:25.0, about 30 s left", "share": 0.25}
    part = run | {"options": {"start": "20", "end": "30"}}
    assert module(modules, "views/verdict.js", "it.progressOf(given, 10_000).share", part) == 0.5
    unknown = module(modules, "views/verdict.js", "it.progressOf(given, 10_000)", run | {"seconds": 0})
    assert unknown == {"text": "Classifying: 1 clip, up to 0:25.0", "share": None}


def test_nothing_moves_when_the_verdict_comes(page: Page, gated: StubServer, tmp_path: Path) -> None:
    gated.gate.close(after=1)
    choose(page, write_video(tmp_path / "three.mp4", 96, size=(64, 48)))
    expect(page.locator("#stage")).to_contain_text("Classifying: 1 clip")
    before = page.locator("#screen").bounding_box()
    gated.gate.open()
    expect(verdict(page)).to_be_visible(timeout=PATIENT)
    assert page.locator("#screen").bounding_box() == before


def test_the_json_closes_with_a_new_video(page: Page, video: Path) -> None:
    show(page, made_answer(["static"]))
    page.get_by_text("The answer as JSON").click()
    expect(page.locator("#json")).to_contain_text('"label": "static"')
    page.unroute("**/classify?*")
    choose(page, video)
    expect(page.locator("#work-title")).to_have_text("video.mp4")
    expect(page.locator("#json")).to_be_hidden()
    expect(page.locator("#json")).to_be_empty()


@pytest.mark.parametrize(("kind", "button"), [("json", "JSON"), ("csv", "CSV"), ("vtt", "VTT")])
def test_the_answer_is_saved_as_the_service_writes_it(
    page: Page, stub_server: StubServer, video: Path, kind: str, button: str
) -> None:
    expected = stub_server.post(video.read_bytes(), format=kind)
    choose(page, video)
    expect(verdict(page)).to_be_visible(timeout=PATIENT)
    with page.expect_download() as download:
        page.locator("#downloads").get_by_role("button", name=button).click()
    assert download.value.suggested_filename == f"video.{kind}"
    saved = Path(download.value.path()).read_bytes()
    if kind == "json":
        assert {**json.loads(saved), "timing": 0} == {**expected.json(), "timing": 0}
    else:
        assert saved == expected.content


def test_labels_with_commas_and_angles_are_saved_as_the_service_writes_them(modules: Page) -> None:
    answer = made_answer(['a "b", c', "<i> & co", "<i> & co"])
    assert '"a ""b"", c"' in module(modules, "runs/export.js", "it.csvOf(given)", answer)
    assert "&lt;i&gt; &amp; co (90%)" in module(modules, "runs/export.js", "it.vttOf(given)", answer)


def test_json_is_copied(page: Page) -> None:
    answer = made_answer(["static", "zoom in"])
    show(page, answer)
    page.get_by_text("The answer as JSON").click()
    page.get_by_role("button", name="Copy the JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == answer


def test_a_sample_can_be_had(real_page: Page, server: LiveServer) -> None:
    real_page.get_by_role("button", name="one that zooms").click()
    expect(verdict(real_page)).to_be_visible(timeout=PATIENT)
    expect(real_page.locator("#curl")).to_have_text(
        f"curl -O {server.url}/static/samples/zoom.mp4\ncurl -F file=@zoom.mp4 {server.url}/classify"
    )
    with real_page.expect_download() as download:
        real_page.get_by_role("link", name="The video itself").click()
    assert Path(download.value.path()).read_bytes() == (STATIC / "samples" / "zoom.mp4").read_bytes()


def test_curl_is_given_the_file_however_it_is_called(page: Page) -> None:
    show(page, made_answer(["static"]), name='it\'s; a "test", 1.mp4')
    expect(page.locator("#curl")).to_contain_text("""curl -F 'file=@"it'\\''s; a \\"test\\", 1.mp4"' http""")
