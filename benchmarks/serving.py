"""Servers and a browser for the benchmarks: ours, and the smallest Streamlit app there is."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import BROWSER_ARGUMENTS, find_or_install_browser
from tests.browser.server import Server, serve

HEALTH = "/_stcore/health"  # of both servers
WAIT = 60_000  # milliseconds

ONE_TITLE = 'import streamlit as st\n\nst.title("Hello")\n'
ONE_TITLE_CONFIG = "[server]\nheadless = true\n\n[browser]\ngatherUsageStats = false\n"

# Painted: this title stands, the script has run to its end, every picture is there, and two frames have been drawn.
PAINTED = """title => new Promise(done => {
    const look = () => {
        const app = document.querySelector('[data-testid=stApp]');
        const titles = [...document.querySelectorAll('h1')].map(heading => heading.innerText.trim());
        const pictures = [...document.images].every(image => image.complete);
        const tables = [...document.querySelectorAll('[data-testid=stSkeleton]')].length === 0;
        const rested = app && app.dataset.testScriptState === 'notRunning';
        if (rested && pictures && tables && titles.includes(title))
            requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
        else
            requestAnimationFrame(look);
    };
    look();
})"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_or_install_browser(), args=BROWSER_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def one_title() -> Iterator[Server]:
    """A server of a Streamlit app that is one title."""
    with tempfile.TemporaryDirectory(prefix="one-title-") as name:
        folder = Path(name)
        (folder / ".streamlit").mkdir()
        (folder / ".streamlit" / "config.toml").write_text(ONE_TITLE_CONFIG)
        (folder / "title.py").write_text(ONE_TITLE)
        with serve(folder / "home", folder / "title.py", HEALTH) as server:
            yield server


@contextlib.contextmanager
def ours(home: Path) -> Iterator[Server]:
    """Our server over a library."""
    with serve(home, health=HEALTH) as server:
        yield server


@contextlib.contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """A page of a first visit: nothing is cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    try:
        yield context.new_page()
    finally:
        context.close()


def seconds_to_paint(page: Page, url: str, title: str, also: str = "") -> float:
    """Return seconds from the request until the page is painted, with an element of the selector `also`."""
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    painted(page, title)
    if also:
        page.locator(also).first.wait_for()
    return time.perf_counter() - started


def painted(page: Page, title: str) -> None:
    """Wait until the page of that title is painted. Raises playwright's TimeoutError after a minute."""
    page.wait_for_selector("[data-testid=stApp]")
    page.evaluate(PAINTED, title)
