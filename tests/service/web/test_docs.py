"""`/docs`, also in Debian's Chromium."""

import re
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from service.web.page import STATIC

from ...support.live_server import LiveServer

CHROMIUM = shutil.which("chromium")
ADDRESS = re.compile(r'(?:src|href)="([^"]+)"')


def test_all_of_it_comes_from_the_service_under_the_pages_policy(server: LiveServer) -> None:
    page = server.client.get("/docs")
    policy = server.client.get("/").headers["content-security-policy"]
    assert page.headers["content-security-policy"] == policy
    addresses = ADDRESS.findall(page.text)
    assert len(addresses) == 5
    for address in addresses:
        found = server.client.get("/" + address)
        assert found.status_code == 200
        assert address == "openapi.json" or found.headers["content-security-policy"] == policy


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_video_is_classified_from_it_without_another_host(server: LiveServer) -> None:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if server.url not in request.url else None)
        page.goto(server.url + "/docs")
        page.get_by_role("button", name="POST /v1/classify").first.click()
        page.get_by_role("button", name="Try it out").click()
        page.locator("input[type=file]").set_input_files(STATIC / "samples" / "tour.mp4")
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table")).to_contain_text('"label": "pan right"', timeout=30_000)
        browser.close()
    assert [each for each in complaints if not each.startswith("data:")] == []
