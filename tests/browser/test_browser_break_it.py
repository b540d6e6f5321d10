"""Break it in a browser: a lever that raises, one that says nothing, their cures, and a link that opens one pulled."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page_helpers import check_fit, wait_for_page, wait_until_idle
from tests.browser.server import Server
from tests.helpers import wait_until
from tests.shared_entries import share_bench_models


def card_of(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-card-{key}")


def cure(page: Page, key: str) -> None:
    card_of(page, key).get_by_role("button", name="Cure it").click()
    expect(card_of(page, key).get_by_text("Bit-identical").filter(visible=True).first).to_be_visible()
    wait_until_idle(page)


@pytest.mark.long
def test_break_it_page_pulls_and_cures_loud_and_silent_card(
    server: Server, shared_folder: Path, new_page: Callable[..., Page]
):
    share_bench_models(server.home, shared_folder / "bench-models")
    page = new_page()
    page.goto(f"{server.url}/break_it")
    wait_for_page(page, "Break it")
    loud, silent = card_of(page, "lose-the-class"), card_of(page, "swap-two-inputs")
    loud.get_by_role("button", name="Pull: Lose the class", exact=True).click()
    expect(loud.get_by_text("TypeError: Could not locate class 'Scale'.").filter(visible=True).first).to_be_visible()
    cure(page, "lose-the-class")
    check_fit(page, "break-it-loud", 1280, False)

    page.goto(f"{server.url}/break_it?card=swap-two-inputs")
    wait_for_page(page, "Break it")
    expect(silent.get_by_text("Nothing: no error, no warning.")).to_be_visible()
    cure(page, "swap-two-inputs")
    values = silent.get_by_test_id("stMetricValue")
    expect(values).to_have_count(4)
    number = values.first.inner_text().strip()
    expect(values).to_have_text([number, number[::-1], number, number])
    assert number != number[::-1]
    wait_until(lambda: silent.bounding_box()["y"] < loud.bounding_box()["y"])
    expect(loud.get_by_text("TypeError: Could not locate class 'Scale'.")).to_be_visible()
    expect(page.get_by_text("2 of 12 pulled · 1 silent · 2 cured")).to_be_visible()
    check_fit(page, "break-it-silent", 1280, False)
