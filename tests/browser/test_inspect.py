"""Inspect in a browser: every tab of an artifact, its graph in the frame, two beside each other, and nothing leaves."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.conftest import LOOKS, heading, picture, settled
from tests.browser.server import Server

TABS = ("Overview", "Files", "Signatures", "Layers", "Weights", "Optimizer", "Config", "Operators", "Graph")
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
def address(furnished: Server, saved: Callable) -> str:
    """The page with the Keras file of a demo."""
    return f"{furnished.url}/inspect?artifact={saved('digits-mlp', 'keras')['artifact']}"


def graph_in(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[src*='/graph/']")


def test_every_tab_shows_what_is_in_the_file_and_stands_in_the_address(address: str, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(address)
    heading(page, "Inspect")
    for name, words in EXPECTED.items():
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.get_by_text(re.compile(words)).first).to_be_visible()
        settled(page)
        assert f"part={name}" in page.url
    page.reload()
    expect(page.get_by_text(EXPECTED["Signatures"])).to_be_visible()


@pytest.mark.long
def test_a_kernel_is_drawn_and_comes_as_an_npy_file(address: str, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{address}&part=Weights")
    expect(page.get_by_text("8,192 values")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    link = page.get_by_role("link", name="Download as NPY").get_attribute("href")
    asked = urllib.request.Request(address.split("/inspect")[0] + link)
    with urllib.request.urlopen(asked) as reply:
        content, headers = reply.read(), reply.headers
    assert content[:6] == b"\x93NUMPY"
    assert len(content) == 128 + 64 * 128 * 4
    assert headers["Cache-Control"] == "private, no-store"
    asked.method = "HEAD"
    with urllib.request.urlopen(asked) as reply:
        assert (reply.read(), reply.headers["Content-Length"]) == (b"", str(len(content)))
        assert reply.headers["Content-Disposition"] == headers["Content-Disposition"]


def test_the_graph_is_drawn_in_a_frame_of_no_origin(address: str, new_page: Callable[..., Page]):
    """The guard of every page watches the frame too: no error, and no request that leaves the machine."""
    page = new_page()
    page.goto(f"{address}&part=Graph")
    expect(graph_in(page).get_by_text("Dense").first).to_be_visible()
    src = page.locator("iframe[src*='/graph/']").get_attribute("src")
    with urllib.request.urlopen(address.split("/inspect")[0] + src) as reply:
        policy, text = reply.headers["Content-Security-Policy"], reply.read().decode()
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert "connect-src 'self'" in policy
    assert re.findall(r'(?:href|src)="https?:', text) == []
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address.split("/inspect")[0] + re.sub(r"/[0-9a-f]{32}/", f"/{'0' * 32}/", src))


@pytest.mark.long
def test_two_beside_each_other_differ_in_what_they_are_and_in_no_weight(
    address: str, saved: Callable, new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(f"{address}&beside={saved('digits-mlp', 'saved_model')['artifact']}")
    expect(page.get_by_role("heading", name="Keras file (.keras) against SavedModel")).to_be_visible()
    expect(page.get_by_text("hold the same values to the last bit")).to_be_visible()
    page.get_by_text("Hide what is the same").click()
    settled(page)
    assert "hide-same=false" in page.url
    page.get_by_role("tab", name="Record", exact=True).click()
    expect(page.get_by_text(re.compile("places differ"))).to_be_visible()


@pytest.mark.long
def test_an_address_of_nothing_says_so_and_offers_a_choice(furnished: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{furnished.url}/inspect?artifact=a../../x")
    expect(page.get_by_text("Not in the library any more, or never was")).to_be_visible()
    expect(page.get_by_text("Choose an artifact above")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_overview_and_weights_fit_their_width_in_light_and_dark(
    width: int, dark: bool, address: str, saved: Callable, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    for name in ("Overview", "Weights"):
        page.goto(f"{address}&part={name}")
        heading(page, "Inspect")
        if name == "Weights":
            expect(page.locator(".js-plotly-plot")).to_have_count(2)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        picture(page, f"inspect-{name.lower()}-{width}-{'dark' if dark else 'light'}")
