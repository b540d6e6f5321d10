"""What the browser tests share: waiting for a page, pictures of it, rows of its tables, and what no page may do."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Error, FilePayload, Locator, Page, Request, expect

from core.text.glossary import find_terms
from tests.helpers import wait_until

SCREENSHOT_FOLDER = Path(__file__).parents[1] / "pictures"
TAKES_SCREENSHOTS = bool(os.environ.get("ROUNDTRIP_PICTURES"))  # `make pictures`: each costs as much as a page
# Width and darkness: two of the four in every run, and all in the long one.
WIDE_LIGHT, NARROW_DARK = (1280, False), (390, True)
VIEWPORTS = [
    WIDE_LIGHT,
    NARROW_DARK,
    pytest.param(1280, True, marks=pytest.mark.long),
    pytest.param(390, False, marks=pytest.mark.long),
]
# Where each page is loaded once and then given the second of these in every run; loaded at each in the long run.
LOADED_VIEWPORTS = [WIDE_LIGHT, pytest.param(*NARROW_DARK, marks=pytest.mark.long), *VIEWPORTS[2:]]
# What axe-core finds in Streamlit's own markup: by rule, the elements in which it does.
STREAMLIT_VIOLATIONS = {
    # One primary colour is the ground of white letters, and the letters of a chosen segment on a dark ground. The
    # label of a disabled widget is grey, and nothing in it says that it is disabled.
    "color-contrast": "[data-variant=segmented_control], [data-testid=stSelectbox]:has(input:disabled)",
}
TIMEOUT_MS = 60_000  # milliseconds: two slow cores
EPOCH = re.compile(r"Epoch (\d+)")  # of a training under way
# The words of links and buttons of which the end is not seen.
CUT_WORDS = """() => [...document.querySelectorAll("main :is(a, button), main :is(a, button) *")].filter(
    each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX !== "visible"
  ).map(each => each.textContent)"""
MOST_WORDS = 3_000  # characters of a page in the report of a failure
POINTED_MS = 2_000  # after which the pointer is moved anew


_listeners: dict[Page, list[tuple[Any, Callable[[Any], object]]]] = {}  # until the page is put back


def listen(page: Page, event: Any, listener: Callable[[Any], object]) -> None:
    """Have a function called at an event of a page, until the test has ended and its `PagePool` has the page back."""
    page.on(event, listener)
    _listeners.setdefault(page, []).append((event, listener))


class PageGuard:
    """What a page must not do: log an error, or ask for anything outside of this machine."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []

    def watch(self, page: Page) -> None:
        listen(page, "console", self._hear)
        listen(page, "pageerror", self._catch)
        listen(page, "request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def _catch(self, error: Error) -> None:
        self.errors.append(str(error))

    def _see(self, request: Request) -> None:
        if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", request.url):
            self.outside.append(request.url)

    def check(self) -> None:
        assert not self.errors, self.errors
        assert not self.outside, self.outside


class PagePool:
    """Pages that tests use one after another, each in a browser context of its own.

    A document in a page that is there already costs half of what it costs in a new context, which has compiled and
    kept nothing of Streamlit's code.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: list[Page] = []
        self.in_use: list[Page] = []

    def take(self, width: int, dark: bool) -> Page:
        page = self._idle.pop() if self._idle else self._open()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="no-preference")
        self.in_use.append(page)
        return page

    def _open(self) -> Page:
        context = self._browser.new_context(accept_downloads=True)
        context.set_default_timeout(TIMEOUT_MS)
        return context.new_page()

    def put_back(self, page: Page) -> None:
        """Keep a page for the next test, with nothing of this one; not where the test has closed it."""
        self.in_use.remove(page)
        listeners = _listeners.pop(page, [])
        if page.is_closed():
            return
        for event, listener in listeners:
            page.remove_listener(event, listener)
        page.unroute_all()
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear(), sessionStorage.clear()")
        page.goto("about:blank")
        page.mouse.move(0, 0)
        page.context.clear_cookies()
        self._idle.append(page)


def describe_shown(page: Page) -> str:
    """What a page shows, for the report of a test that failed: its address, what lies over it, and its words."""
    if page.is_closed():
        return "closed"
    over = page.locator("[role=dialog], [role=menu], [role=listbox]").filter(visible=True).all_inner_texts()
    words = " ".join(page.locator("body").inner_text().split())
    return f"{page.url}\nover it: {over}\n{words[:MOST_WORDS]}"


def wait_for_page(page: Page, words: str) -> None:
    """Wait until the page with this title stands, and nothing of it is still being drawn."""
    expect(page.get_by_role("heading", name=words, level=1)).to_be_visible()
    wait_until_idle(page)


def wait_for_address(page: Page, part: str) -> None:
    """Wait until the page's address holds this: the server sends it, before or after what it stands for."""
    page.wait_for_url(lambda address: part in address, wait_until="commit")


def wait_for_epoch(page: Page) -> None:
    """Wait for the progress of a training: the settings' "Epochs", with no number, are not it."""
    expect(page.get_by_text(EPOCH).filter(visible=True).first).to_be_visible()


def wait_for_width(page: Page, width: int) -> None:
    """Wait until the document is as wide as this: what is drawn late may stand out for a moment."""
    wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") == width, TIMEOUT_MS / 1000)
    wait_until(lambda: page.evaluate(CUT_WORDS) == [], TIMEOUT_MS / 1000)


def find_box(item: Locator) -> dict[str, float]:
    """Where an element stands in the window, once it does not move: for what is drawn, and has no elements to click."""
    wait_until_idle(item.page)
    item.scroll_into_view_if_needed()  # waits until two frames in a row show it at one place
    box = item.bounding_box()
    assert box
    return dict(box)


def point_until_shown(item: Locator, x: float, y: float, shown: Locator) -> None:
    """Rest the pointer at a place of an element until what that shows is there: the page may move meanwhile."""

    def is_shown() -> bool:
        item.hover(position={"x": x, "y": y})
        try:
            expect(shown).to_be_visible(timeout=POINTED_MS)
        except AssertionError:
            return False
        return True

    wait_until(is_shown, TIMEOUT_MS / 1000)


def switch_page(page: Page, path: str) -> None:
    """Go to another page of the same server without a new document, as Back does: a third of the cost."""
    go = "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate', {state: {}})) }"
    page.evaluate(go, f"/{path}")


def wait_until_idle(page: Page) -> None:
    """Wait until Streamlit has finished running the page, and its charts stand."""
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)  # widgets whose code is still on its way


def resize(page: Page, width: int, dark: bool) -> None:
    """Give the page another width and color scheme, and wait until it has been laid out for them."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": width, "height": page.viewport_size["height"]})
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    wait_until_idle(page)


IS_STILL = """() => document.getAnimations().every(
    each => each.playState !== "running" || each.effect?.getComputedTiming().endTime === Infinity
)"""


def check_accessibility(page: Page) -> None:
    """Check that axe-core finds nothing to object to on the page, but in Streamlit's own markup."""
    page.wait_for_function("() => window.roundtripKeyboard?.timer === undefined")  # tables that scroll are reachable
    page.wait_for_function(IS_STILL)  # a colour on its way to another theme's is neither's
    violations = Axe().run(page).response["violations"]
    ours = [
        (rule["id"], node["html"][:200])
        for rule in violations
        for node in rule["nodes"]
        if not _is_within(page, node["target"][0], STREAMLIT_VIOLATIONS.get(rule["id"], "none"))
    ]
    assert not ours, f"{page.url}: {ours}"


READ_TEXTS = """() => [...document.querySelectorAll(
  '[data-testid=stMain] :is([data-testid=stMarkdownContainer] :is(p, li, h2), th, td)'
)].filter(element => element.checkVisibility() && !element.closest(
  'a, button, summary, pre, [role=tab], [role=option], [role=group], [data-testid=stTooltipHoverTarget]'
)).map(element => [...element.childNodes].filter(node => !node.matches?.('code, [role=img]')).map(
  node => node.textContent
).join(""))"""
READ_MARKS = "() => [...CSS.highlights.get('roundtrip-terms')].map(range => range.toString())"


def check_terms(page: Page) -> None:
    """Check that each term of the glossary that the page's text, labels and headings use is marked there, once."""
    page.wait_for_function("() => window.roundtripTerms.timer === undefined")
    marked = [find_terms([text]) for text in page.evaluate(READ_MARKS)]
    used = set(find_terms(page.evaluate(READ_TEXTS)))
    parts = {part for terms in marked if len(terms) > 1 for part in terms}  # "custom layer" has a "layer" in it
    found = [max(terms, key=len) for terms in marked]
    assert len(set(found)) == len(found)
    assert used <= {*found, *parts}, f"{page.url}: {used - {*found, *parts}}"


def _is_within(page: Page, target: str, selector: str) -> bool:
    """Whether an element is, or stands in, one that a selector of CSS finds."""
    return page.locator(target).first.evaluate("(element, selector) => Boolean(element.closest(selector))", selector)


def check_fit(page: Page, name: str, width: int, dark: bool, check: Callable[[Page], None] | None = None) -> None:
    """Check that the page is as wide as its window, also once that became narrow and dark where it was loaded wide.

    `check` is made in each of these looks, too.
    """
    for other in (WIDE_LIGHT, NARROW_DARK) if (width, dark) == WIDE_LIGHT else ((width, dark),):
        resize(page, *other)
        wait_for_width(page, other[0])
        if check:
            check(page)
        take_screenshot(page, f"{name}-{other[0]}-{'dark' if other[1] else 'light'}")
    resize(page, width, dark)


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


def choose_files(page: Page, *files: Path | FilePayload) -> None:
    """Choose files in the page's control, and wait until they were sent and the page knows of them."""
    page.locator("input[type=file]").set_input_files(list(files))
    expect(page.get_by_text("Sent.", exact=True)).to_have_count(len(files))
    wait_until_idle(page)


def click_row(page: Page, row: int) -> None:
    """Click the box of a row of the first table, or in its head for -1: the grid is drawn, and has no roles."""
    wait_until_idle(page)
    height = 18 if row < 0 else 36 + 35 * row + 17
    page.get_by_test_id("stDataFrame").first.click(position={"x": 16, "y": height})


def tick_row(page: Page, row: int, selected: int) -> None:
    """Tick a row of the table, after which so many are; -1 is the box in its head, which ticks all of the page."""
    click_row(page, row)
    expect(page.get_by_text(f"{selected} selected")).to_be_visible()
    wait_until_idle(page)
