"""The moving picture of the page: `python docs/film.py http://127.0.0.1:8000` beside `make serve`; needs Chromium."""

import subprocess
import sys
import tempfile
from pathlib import Path

import imageio_ffmpeg
from playwright.sync_api import Page, sync_playwright

FILM = Path(__file__).with_name("page.webp")
SIZE = {"width": 1180, "height": 930}
WIDTH = 900
PER_SECOND = 6
SAMPLE = "a camera that looks around"
# What is done between the pictures: a key, and how many pictures follow.
STEPS = [("", 5), ("Enter", 18), ("Enter", 2), ("Shift+ArrowRight", 4), ("+", 3), ("+", 4), ("0", 6)]


def pictures(page: Page, folder: Path) -> None:
    """The sample is classified, played, and looked at."""
    number = 0

    def take(count: int) -> None:
        nonlocal number
        for _ in range(count):
            page.screenshot(path=folder / f"{number:04}.png")
            number += 1
            page.wait_for_timeout(1000 / PER_SECOND)

    take(3)
    page.locator("#samples").get_by_text(SAMPLE).click()
    take(10)
    lanes = page.locator("#times .lanes")
    lanes.wait_for()
    lanes.focus()
    for key, count in STEPS:
        if key:
            page.keyboard.press(key)
        take(count)


def main() -> None:
    """Take the pictures, and make one file of them."""
    executable = {"executable_path": sys.argv[2]} if len(sys.argv) > 2 else {}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**executable)
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(sys.argv[1])
        pictures(page, Path(temporary))
        browser.close()
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-framerate", str(PER_SECOND), "-i", f"{temporary}/%04d.png"]
        command += ["-vf", f"scale={WIDTH}:-1", "-c:v", "libwebp_anim", "-q:v", "55", "-loop", "0", str(FILM)]
        subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
