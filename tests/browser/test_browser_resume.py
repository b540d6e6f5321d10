"""Resume in a browser: choose copies of a run, train them on, see how each ended, and find it all again."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_helpers import resize, take_screenshot, wait_for_page, wait_for_width, wait_until_idle
from tests.browser.server import Server

EXPECTED_VERDICTS = {"keras": "Resumes exactly", "architecture": "Starts over", "saved_model": "Could not continue"}


@pytest.fixture
def resume_url(populated_server: Server, trained: Callable, saved: Callable) -> str:
    """The page with three copies of a run chosen."""
    copies = "".join(f"&artifact={saved('digits-mlp', key)['artifact']}" for key in EXPECTED_VERDICTS)
    return f"{populated_server.url}/resume?run={trained('digits-mlp')}{copies}"


def read_trace_names(page: Page) -> list[str]:
    """Whose losses the large plot shows, without the id that stands behind a name where a run has two such copies."""
    plot = page.locator(".js-plotly-plot").filter(has_text="training ended here")
    names = json.loads(plot.evaluate("one => JSON.stringify(one.data.map(trace => trace.name))"))
    return [re.sub(r" \(a\w+\)$", "", name) for name in names]


@pytest.mark.long
def test_resume_page_trains_copies_and_restores_curves_from_url(
    resume_url: str, populated_server: Server, saved: Callable, new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(resume_url)
    wait_for_page(page, "Resume training")
    page.get_by_role("button", name="Resume training").click()
    expect(page.get_by_role("heading", name="What each copy began with")).to_be_visible()
    for key, words in EXPECTED_VERDICTS.items():
        expect(page.locator(f".st-key-ending-{saved('digits-mlp', key)['artifact']}")).to_contain_text(words)
    wait_until_idle(page)
    names = ["the run's own epochs", "the live model, trained on", "Keras file (.keras)", "Architecture only (JSON)"]
    assert read_trace_names(page) == names
    again = new_page()
    again.goto(page.url)
    expect(again.get_by_role("heading", name="What each copy began with")).to_be_visible()
    for width, dark in ((1280, False), (390, True)):
        resize(again, width, dark)
        expect(again.get_by_role("button", name="Resume training")).to_be_disabled()
        assert read_trace_names(again) == names
        wait_for_width(again, width)
        take_screenshot(again, f"resumed-{width}-{'dark' if dark else 'light'}")


@pytest.mark.long
def test_resume_page_cancelled_job_can_be_restarted(resume_url: str, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{resume_url}&epochs=20")
    wait_for_page(page, "Resume training")
    page.get_by_role("button", name="Resume training").click()
    expect(page.get_by_text("training ended here")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
    expect(page.get_by_role("button", name="Resume training")).to_be_enabled()
