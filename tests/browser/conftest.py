"""A real Chromium against a real server: no console error, no request that leaves the machine, pictures to look at."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from core.settings import Settings
from tests.browser.chromium import ARGUMENTS, get
from tests.browser.server import Server, serve

PICTURES = Path(__file__).parents[1] / "pictures"
FURNITURE = (
    ("digits-mlp", "saved_model"),
    ("digits-mlp", "keras"),
    ("digits-mlp", "architecture"),
    ("digits-custom", "keras"),
    ("tips", "keras"),
)
# Width and darkness: two of the four in every run, and all in the long one.
LOOKS = [
    (1280, False),
    (390, True),
    pytest.param(1280, True, marks=pytest.mark.long),
    pytest.param(390, False, marks=pytest.mark.long),
]
WAIT = 60_000  # milliseconds: two slow cores
expect.set_options(timeout=WAIT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=get(), args=ARGUMENTS)
        yield one
        one.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server over an empty library; the tests of one path share it."""
    with serve(tmp_path_factory.mktemp("browser") / "store") as one:
        yield one


@pytest.fixture(scope="session")
def furnished(config: Settings, saved: Callable[[str, str], dict]) -> Iterator[Server]:
    """A running server over a library with copies of two demos in it."""
    for demo, format_key in FURNITURE:
        assert saved(demo, format_key)["state"] == "done"
    with serve(config.home) as one:
        yield one


class Guard:
    """What a page must not do: log an error, or ask for anything outside of this machine."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("console", lambda said: self._hear(said) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _hear(self, said: ConsoleMessage) -> None:
        self.errors.append(f"{said.text} {said.location.get('url', '')}")

    def _see(self, url: str) -> None:
        if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url):
            self.outside.append(url)

    def check(self) -> None:
        assert self.errors == []
        assert self.outside == []


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a guarded page (width, dark); all are checked at the end of the test."""
    guard, contexts = Guard(), []

    def open_one(width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        context.set_default_timeout(WAIT)
        contexts.append(context)
        page = context.new_page()
        guard.watch(page)
        return page

    yield open_one
    for context in contexts:
        context.close()
    guard.check()


def heading(page: Page, words: str) -> None:
    """Wait until the page with this title stands, and nothing of it is still being drawn."""
    expect(page.get_by_role("heading", name=words, level=1)).to_be_visible()
    settled(page)


def settled(page: Page) -> None:
    """Wait until Streamlit has finished running the page, and its charts stand."""
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)  # widgets whose code is still on its way


def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page under tests/pictures, to be looked at."""
    PICTURES.mkdir(exist_ok=True)
    size = page.viewport_size
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(max(height, 600), 5000)})
    settled(page)
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    page.set_viewport_size(size)
