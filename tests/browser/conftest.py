"""A real Chromium against a real server: no console error, no request that leaves the machine, pictures to look at."""

import contextlib
from collections.abc import Callable, Generator, Iterator

import playwright.sync_api
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.settings import Settings
from tests.browser.chromium import BROWSER_ARGUMENTS, find_or_install_browser
from tests.browser.page_helpers import TIMEOUT_MS, PageGuard, PagePool, describe_shown
from tests.browser.server import Server, serve
from tests.factories.warm_start import WarmProcess

SAVED_ARTIFACTS = (
    ("digits-mlp", "saved_model"),
    ("digits-mlp", "keras"),
    ("digits-mlp", "architecture"),
    ("digits-custom", "keras"),
    ("tips", "keras"),
)
expect.set_options(timeout=TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure what the test's pages show."""
    report = yield
    pool = getattr(item, "funcargs", {}).get("page_pool")
    if report.failed and isinstance(pool, PagePool):
        with contextlib.suppress(playwright.sync_api.Error):
            report.sections += [("Page", describe_shown(page)) for page in pool.in_use]
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        item = playwright.chromium.launch(executable_path=find_or_install_browser(), args=BROWSER_ARGUMENTS)
        yield item
        item.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server over an empty library; the tests of one path share it."""
    with serve(tmp_path_factory.mktemp("browser") / "store") as item:
        yield item


@pytest.fixture(scope="session")
def shared_server(config: Settings, warm_process: WarmProcess | None) -> Iterator[Server]:
    """A running server over the session's library, with what the tests have saved in it so far."""
    with serve(config.home, warm=warm_process) as item:
        yield item


@pytest.fixture(scope="session")
def populated_server(shared_server: Server, saved: Callable[[str, str], dict]) -> Server:
    """A running server over a library with copies of two demos in it."""
    for demo, format_key in SAVED_ARTIFACTS:
        assert saved(demo, format_key)["state"] == "done"
    return shared_server


@pytest.fixture(scope="session")
def page_pool(browser: Browser) -> PagePool:
    """The pages of the browser."""
    return PagePool(browser)


@pytest.fixture
def new_page(page_pool: PagePool) -> Iterator[Callable[..., Page]]:
    """A function that gives a guarded blank page (width, dark); all are checked at the end of the test."""
    guard, pages = PageGuard(), []

    def open_page(width: int = 1280, dark: bool = False) -> Page:
        page = page_pool.take(width, dark)
        guard.watch(page)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page_pool.put_back(page)
    guard.check()
