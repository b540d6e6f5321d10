"""A comparison in numbers and pictures, and its report opened where there is no network."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.page_helpers import (
    SCREENSHOT_FOLDER,
    TAKES_SCREENSHOTS,
    listen,
    take_screenshot,
    wait_for_address,
    wait_for_page,
    wait_for_width,
    wait_until_idle,
)
from tests.browser.server import Server
from tests.helpers import list_staged, wait_until


@pytest.fixture(scope="module")
def comparison_url(populated_server: Server, saved: Callable[[str, str], dict]) -> str:
    """The address of a comparison of a copy that is the same, and one that changes answers."""
    artifact_ids = [saved("digits-mlp", key)["artifact"] for key in ("keras", "keras_int4")]
    return f"{populated_server.url}/compare?artifact={artifact_ids[0]}&artifact={artifact_ids[1]}"


def open_view(page: Page, address: str, view: str) -> None:
    page.goto(f"{address}&view={view.replace(' ', '+')}")
    wait_for_page(page, "Compare")
    expect(page.get_by_role("tab", name=view, selected=True)).to_be_visible()
    wait_until_idle(page)


def choose_view(page: Page, view: str) -> None:
    page.get_by_role("tab", name=view, exact=True).click()
    expect(page.get_by_role("tab", name=view, selected=True)).to_be_visible()
    wait_until_idle(page)


@pytest.mark.parametrize(("width", "dark"), [pytest.param(1280, False, marks=pytest.mark.long), (390, True)])
def test_compare_page_tabs_fit_width(new_page, comparison_url: str, width: int, dark: bool):
    page = new_page(width, dark)
    open_view(page, comparison_url, "How far apart")
    for view in ("How far apart", "Charts and pictures", "Every pair", "Reports"):
        choose_view(page, view)
        wait_for_width(page, width)
        take_screenshot(page, f"compare-{view.split()[0].lower()}-{width}{'-dark' if dark else ''}")


@pytest.mark.long
def test_compare_page_tolerance_is_in_url_and_invalid_text_is_reported(new_page, comparison_url: str):
    page = new_page()
    open_view(page, comparison_url, "How far apart")
    page.get_by_text("Expert numbers").click()
    box = page.get_by_role("textbox", name="Absolute tolerance")
    box.fill("1e-3")
    box.press("Enter")
    expect(page).to_have_url(re.compile("tolerance=.*1e-3"))
    page.reload()
    wait_for_page(page, "Compare")
    expect(box).to_have_value("0.001")
    box.fill("a little")
    box.press("Enter")
    expect(page.get_by_text("A tolerance is ATOL or ATOL,RTOL")).to_be_visible()


def test_compare_page_button_opens_row_with_largest_difference(new_page, comparison_url: str):
    page = new_page()
    open_view(page, comparison_url, "How far apart")
    page.get_by_text("Expert numbers").click()
    button = page.get_by_role("button", name="Go to row").first
    row = button.inner_text().split()[-1]
    button.click()
    expect(page.get_by_role("tab", name="Row by row", selected=True)).to_be_visible()
    expect(page.get_by_text(f"Row {row}, close up")).to_be_visible()
    wait_for_address(page, f"row={row}")


def test_report_opens_offline_without_network_requests(
    new_page, browser: Browser, populated_server: Server, comparison_url: str, tmp_path: Path
):
    page = new_page()
    open_view(page, f"{comparison_url}&tolerance=1e-3", "Reports")
    for kind in ("JSON", "CSV", "HTML"):
        link = page.get_by_role("link", name=f"Download {kind}").get_attribute("href")
        given = page.request.get(urljoin(page.url, link))
        assert given.ok, given.text()
        assert f".{kind.lower()}" in given.headers["content-disposition"]
        (tmp_path / f"report.{kind.lower()}").write_bytes(given.body())
    assert json.loads((tmp_path / "report.json").read_bytes())["tolerances"] == {"": {"atol": 0.001, "rtol": 0.0}}
    report = tmp_path / "report.html"
    assert 4e6 < report.stat().st_size < 8e6  # most of it draws the plots
    assert list_staged(populated_server.home) == []
    for width, dark in ((1280, False), (390, True)):
        check_offline_report(browser, report, width, dark)


def check_offline_report(browser: Browser, report: Path, width: int, dark: bool) -> None:
    """Open a report from the disk without a network; every plot is drawn, nothing is asked for, nothing complains."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
    )
    page, text, requested = context.new_page(), [], []
    listen(page, "console", lambda line: text.append(line.text))
    listen(page, "pageerror", lambda error: text.append(str(error)))
    listen(page, "request", lambda request: requested.append(request.url))
    page.goto(report.as_uri())
    expect(page.get_by_text("Some answers changed").filter(visible=True).first).to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    plots, drawn = page.locator(".plot"), page.locator(".plot .main-svg:first-child")
    wait_until(lambda: plots.count() == drawn.count() >= 6)
    wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") <= width)
    if TAKES_SCREENSHOTS:
        SCREENSHOT_FOLDER.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOT_FOLDER / f"report-{width}{'-dark' if dark else ''}.png", full_page=True)
    context.close()
    assert [url for url in requested if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    assert text == []
