"""Resume in a browser: choose copies of a run, train them on, see how each ended, and find it all again."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import heading, picture, settled
from tests.browser.server import Server

COPIES = {"keras": "Carries on exactly", "architecture": "Starts over", "saved_model": "Cannot train"}


@pytest.fixture
def address(furnished: Server, trained: Callable, saved: Callable) -> str:
    """The page with three copies of a run chosen."""
    copies = "".join(f"&artifact={saved('digits-mlp', key)['artifact']}" for key in COPIES)
    return f"{furnished.url}/resume?run={trained('digits-mlp')}{copies}"


def trace_names(page: Page) -> list[str]:
    """Whose losses the large plot shows, without the id that stands behind a name where a run has two such copies."""
    plot = page.locator(".js-plotly-plot").filter(has_text="training ended here")
    names = json.loads(plot.evaluate("one => JSON.stringify(one.data.map(trace => trace.name))"))
    return [re.sub(r" \(a\w+\)$", "", name) for name in names]


def test_copies_are_chosen_trained_on_drawn_and_found_again(
    address: str, furnished: Server, saved: Callable, new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(address)
    heading(page, "Carry on training")
    page.get_by_role("button", name="Train on").click()
    expect(page.get_by_role("heading", name="What each copy began with")).to_be_visible()
    for key, words in COPIES.items():
        expect(page.locator(f".st-key-ending-{saved('digits-mlp', key)['artifact']}")).to_contain_text(words)
    settled(page)
    names = ["the run's own epochs", "the live model, trained on", "Keras file (.keras)", "Architecture only (JSON)"]
    assert trace_names(page) == names
    for width, dark in ((1280, False), (390, True)):
        again = new_page(width, dark)
        again.goto(page.url)
        expect(again.get_by_role("heading", name="What each copy began with")).to_be_visible()
        expect(again.get_by_role("button", name="Train on")).to_be_disabled()
        settled(again)
        assert trace_names(again) == names
        assert again.evaluate("document.documentElement.scrollWidth") == width
        picture(again, f"resumed-{width}-{'dark' if dark else 'light'}")


@pytest.mark.long
def test_a_long_one_is_cancelled_and_can_be_begun_again(address: str, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{address}&epochs=20")
    heading(page, "Carry on training")
    page.get_by_role("button", name="Train on").click()
    expect(page.get_by_text("training ended here")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
    expect(page.get_by_role("button", name="Train on")).to_be_enabled()
