"""Inspect in a browser: every tab of an artifact, its graph in the frame, two beside each other, and nothing leaves."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.page_helpers import LOADED_VIEWPORTS, check_fit, wait_for_address, wait_for_page, wait_until_idle
from tests.browser.server import Server

EXPECTED = {
    "Files": "The files as they lie on the disk",
    "Layers": "3 layers, 9,610 stored numbers",
    "Weights": "4 tensors, 9,610 numbers",
    "Optimizer": "what the run ended its training with",
    "Config": "compile settings",
    "Operators": "There are no operations in these files",
    "Signatures": "These files name no inputs and outputs",
}


@pytest.fixture
def inspect_url(populated_server: Server, saved: Callable) -> str:
    """The page with the Keras file of a demo."""
    return f"{populated_server.url}/inspect?artifact={saved('digits-mlp', 'keras')['artifact']}"


def graph_frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[src*='/graph/']")


def test_inspect_page_tabs_show_contents_and_set_query_parameter(inspect_url: str, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(inspect_url)
    wait_for_page(page, "Inspect")
    for name, words in EXPECTED.items():
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.get_by_text(re.compile(words)).filter(visible=True).first).to_be_visible()
        wait_until_idle(page)
        wait_for_address(page, f"part={name}")
    page.reload()
    expect(page.get_by_text(EXPECTED["Signatures"])).to_be_visible()


@pytest.mark.long
def test_inspect_page_plots_tensor_and_downloads_npy(inspect_url: str, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{inspect_url}&part=Weights")
    expect(page.get_by_text("8,192 values")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    link = page.get_by_role("link", name="Download as NPY").get_attribute("href")
    request = urllib.request.Request(inspect_url.split("/inspect")[0] + link)
    with urllib.request.urlopen(request) as reply:
        content, headers = reply.read(), reply.headers
    assert content[:6] == b"\x93NUMPY"
    assert len(content) == 128 + 64 * 128 * 4
    assert headers["Cache-Control"] == "private, no-store"
    request.method = "HEAD"
    with urllib.request.urlopen(request) as reply:
        assert (reply.read(), reply.headers["Content-Length"]) == (b"", str(len(content)))
        assert reply.headers["Content-Disposition"] == headers["Content-Disposition"]


def test_inspect_page_graph_runs_in_sandboxed_frame(inspect_url: str, new_page: Callable[..., Page]):
    """The guard of every page watches the frame too: no error, and no request that leaves the machine."""
    page = new_page()
    page.goto(f"{inspect_url}&part=Graph")
    expect(graph_frame(page).get_by_text("Dense").filter(visible=True).first).to_be_visible()
    src = page.locator("iframe[src*='/graph/']").get_attribute("src")
    with urllib.request.urlopen(inspect_url.split("/inspect")[0] + src) as reply:
        policy, text = reply.headers["Content-Security-Policy"], reply.read().decode()
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert "connect-src 'self'" in policy
    assert re.findall(r'(?:href|src)="https?:', text) == []
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(inspect_url.split("/inspect")[0] + re.sub(r"/[0-9a-f]{32}/", f"/{'0' * 32}/", src))


@pytest.mark.long
def test_inspect_page_diff_shows_equal_weights_and_different_records(
    inspect_url: str, saved: Callable, new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(f"{inspect_url}&beside={saved('digits-mlp', 'saved_model')['artifact']}")
    expect(page.get_by_role("heading", name="Keras file (.keras) against SavedModel")).to_be_visible()
    expect(page.get_by_text("hold the same values to the last bit")).to_be_visible()
    page.get_by_text("Hide what is the same").click()
    wait_until_idle(page)
    wait_for_address(page, "hide-same=false")
    page.get_by_role("tab", name="Record", exact=True).click()
    expect(page.get_by_text(re.compile("places differ"))).to_be_visible()


@pytest.mark.long
def test_inspect_page_unknown_artifact_is_reported_with_a_choice(
    populated_server: Server, new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(f"{populated_server.url}/inspect?artifact=a../../x")
    expect(page.get_by_text("Not in the library any more, or never was")).to_be_visible()
    expect(page.get_by_text("Choose an artifact above")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), LOADED_VIEWPORTS)
def test_inspect_page_fits_width_in_light_and_dark(
    width: int, dark: bool, inspect_url: str, saved: Callable, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    for name in ("Overview", "Weights"):
        page.goto(f"{inspect_url}&part={name}")
        wait_for_page(page, "Inspect")
        if name == "Weights":
            expect(page.locator(".js-plotly-plot")).to_have_count(2)
        check_fit(page, f"inspect-{name.lower()}", width, dark)
