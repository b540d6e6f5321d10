"""What the browser tests share: waiting for a page, pictures of it, rows of its tables, and what no page may do."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

SCREENSHOT_FOLDER = Path(__file__).parents[1] / "pictures"
TAKES_SCREENSHOTS = bool(os.environ.get("ROUNDTRIP_PICTURES"))  # `make pictures`: each costs as much as a page
# Width and darkness: two of the four in every run, and all in the long one.
VIEWPORTS = [
    (1280, False),
    (390, True),
    pytest.param(1280, True, marks=pytest.mark.long),
    pytest.param(390, False, marks=pytest.mark.long),
]
TIMEOUT_MS = 60_000  # milliseconds: two slow cores


class PageGuard:
    """What a page must not do: log an error, or ask for anything outside of this machine."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("console", lambda text: self._hear(text) if text.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def _see(self, url: str) -> None:
        if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url):
            self.outside.append(url)

    def check(self) -> None:
        assert self.errors == []
        assert self.outside == []


def wait_for_page(page: Page, words: str) -> None:
    """Wait until the page with this title stands, and nothing of it is still being drawn."""
    expect(page.get_by_role("heading", name=words, level=1)).to_be_visible()
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until Streamlit has finished running the page, and its charts stand."""
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)  # widgets whose code is still on its way


def take_screenshot(page: Page, name: str) -> None:
    """Keep a picture of the whole page under tests/pictures, to be looked at, where pictures are asked for."""
    if not TAKES_SCREENSHOTS:
        return
    SCREENSHOT_FOLDER.mkdir(exist_ok=True)
    size = page.viewport_size
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(max(height, 600), 5000)})
    wait_until_idle(page)
    page.screenshot(path=SCREENSHOT_FOLDER / f"{name}.png", animations="disabled")
    page.set_viewport_size(size)


def tick_row(page: Page, row: int, selected: int) -> None:
    """Tick a row of the table, after which so many are; -1 is the box in its head, which ticks all of the page."""
    wait_until_idle(page)
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + (18 if row < 0 else 36 + 35 * row + 17))
    expect(page.get_by_text(f"{selected} selected")).to_be_visible()
    wait_until_idle(page)
