"""The page in Debian's Chromium."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ....support.live_server import LiveServer, StubServer
from ....support.videos import write_video

CHROMIUM = shutil.which("chromium")
OpenPage = Callable[..., Page]
# Some tests classify a video for real, maybe on a machine with other work.
PATIENCE_MS = 20_000


# Not for the session: Playwright's loop runs meanwhile, and tests elsewhere run their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens the page at an address, each in a browser profile of its own; at the end, whether consoles stayed clean."""
    contexts = []
    complaints: list[str] = []

    def opened(url: str, **options: object) -> Page:
        context = browser.new_context(base_url=url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/")
        return page

    yield opened
    for context in contexts:
        context.close()
    # The browser itself notes every answer of 400 and above there, and every connection that is lost.
    assert [each for each in complaints if "Failed to load resource" not in each] == []


@pytest.fixture
def page(open_page: OpenPage, stub_server: StubServer) -> Page:
    """The page, just opened, of a service whose network is a stub."""
    return open_page(stub_server.url, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture(scope="package")
def modules(browser: Browser, stub_server: StubServer) -> Iterator[Page]:
    """A page for tests that only call functions of its modules."""
    with browser.new_context(base_url=stub_server.url) as context:
        opened = context.new_page()
        opened.goto("/")
        yield opened


@pytest.fixture
def real_page(open_page: OpenPage, server: LiveServer) -> Page:
    """The same of the service with the bundled model."""
    return open_page(server.url, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture(scope="session")
def five_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5 clips of 32 frames at 30 frames/s, as made answers have it: 5.33 s."""
    return write_video(tmp_path_factory.mktemp("video") / "five.mp4", 32 * 5, size=(160, 120), rate="30")
