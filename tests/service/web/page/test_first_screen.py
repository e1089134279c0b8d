"""What the first screen tells before there is a video."""

import json

from playwright.sync_api import Page, expect

from service.web.page import STATIC

from ....support.browser import PATIENT, TOUR, module, verdict
from ....support.live_server import LiveServer
from .conftest import OpenPage

KINETICS = [f"action {number}" for number in range(399)] + ["playing the zither"]


def test_it_says_what_the_model_can_name(real_page: Page, server: LiveServer) -> None:
    labels = server.client.get("/labels").json()["labels"]
    model = server.client.get("/health").json()["model"]
    expect(real_page.locator("#names-list li")).to_have_text(labels)
    expect(real_page.get_by_label("Search")).to_be_hidden()
    expect(real_page.locator("#model")).to_have_text(
        f"camera-motion · r3d_18 · {model['backend']} {model['precision']}"
    )


def test_a_long_list_is_searched(page: Page) -> None:
    page.route("**/labels", lambda route: route.fulfill(json={"labels": KINETICS}))
    page.reload()
    expect(page.locator("#names-count")).to_contain_text("400 labels")
    page.get_by_label("Search").fill("ZITHER")
    expect(page.locator("#names-list li")).to_have_text(["playing the zither"])
    expect(page.locator("#names-count")).to_have_text("1 of 400 labels")


def test_the_example_is_what_the_bundled_model_says(server: LiveServer) -> None:
    example = json.loads((STATIC / "samples" / "tour.json").read_text())
    answer = server.post(TOUR.read_bytes(), top_k=3).json()
    for shown, said in zip(example["segments"], answer["segments"], strict=True):
        assert shown | {"confidence": 0} == said | {"confidence": 0}
        assert abs(shown["confidence"] - said["confidence"]) < 0.05
    assert len(example["clips"]) == len(answer["clips"])


def test_the_example_is_on_a_timeline(page: Page) -> None:
    expect(page.locator("#example .legend button")).to_have_count(5)
    page.locator("#example").get_by_role("listbox", name="Clips").focus()
    page.keyboard.press("End")
    expect(page.locator("#example").get_by_role("option")).to_contain_text("Clip 12, 0:14.7 to 0:16.0: roll clockwise")


def test_a_sample_runs_from_the_example(real_page: Page, server: LiveServer) -> None:
    real_page.locator("#example").get_by_role("button", name="a camera that looks around").click()
    expect(verdict(real_page)).to_have_text("No single label", timeout=PATIENT)
    expect(real_page.locator("#rows tr")).to_have_count(6)
    expect(real_page.locator("#list .open")).to_have_attribute("aria-current", "true")
    expect(real_page.locator("#example")).to_be_hidden()


def test_a_service_that_starts_is_waited_for(open_page: OpenPage, server: LiveServer) -> None:
    page = open_page(server.url)
    starting = {"status": "starting", "reason": "loading the model"}
    page.route("**/health", lambda route: route.fulfill(status=503, json=starting), times=1)
    page.reload()
    expect(page.locator("#model")).to_have_text("starting: loading the model")
    expect(page.locator("#model")).to_contain_text("camera-motion")


def test_words_of_numbers(modules: Page) -> None:
    clocks = module(modules, "words.js", "given.map((each) => it.clock(each))", [0, 59.96, 61.25, 3723.04])
    assert clocks == ["0:00.0", "1:00.0", "1:01.3", "1:02:03.0"]
    assert module(modules, "words.js", "it.list(given)", ["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
