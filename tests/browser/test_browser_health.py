"""Health in a browser: its buttons do what they say, damage leads to the artifact, and every width is whole."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.settings import Settings
from tests.browser.page_helpers import (
    TIMEOUT_MS,
    VIEWPORTS,
    take_screenshot,
    tick_row,
    wait_for_address,
    wait_for_page,
    wait_for_width,
    wait_until_idle,
)
from tests.browser.server import Server

HEALTH_PATH = "/condition"


@pytest.fixture
def page(populated_server: Server, new_page: Callable[..., Page]) -> Page:
    """The page Health over a library with copies of two demos."""
    item = new_page()
    item.goto(populated_server.url + HEALTH_PATH)
    wait_for_page(item, "Health")
    return item


def press_button(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.long
def test_health_page_verify_rebuild_and_repair_report_no_problems(page: Page):
    press_button(page, "Verify all")
    expect(page.get_by_text("are as they were kept.").filter(visible=True).first).to_be_visible()
    expect(page.get_by_text("every byte against its SHA-256")).to_be_visible()
    press_button(page, "Rebuild the catalog")
    expect(page.get_by_text("the same as before.")).to_be_visible()
    press_button(page, "Look for repairs")
    expect(page.get_by_text("Everything is in order: there is nothing to repair.")).to_be_visible()


@pytest.mark.trust
@pytest.mark.long
def test_health_page_flipped_bit_is_reported_and_linked_to_artifact(
    page: Page, populated_server: Server, config: Settings, saved: Callable[[str, str], dict]
):
    id_ = saved("digits-mlp", "keras")["artifact"]
    file = config.home / "artifacts" / id_ / "files" / "model.keras"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        press_button(page, "Verify all")
        expect(page.get_by_text("1 entry is not as it should be")).to_be_visible()
        press_button(page, "Find it")
        wait_for_page(page, "Library")
        wait_for_address(page, f"search={id_}")
        tick_row(page, 0, 1)
        press_button(page, "Verify")
        wait_for_page(page, "Health")
        expect(page.get_by_text(re.compile(r"Keras file \(\.keras\) of .*: 1 not as it should be\."))).to_be_visible()
    finally:
        file.write_bytes(whole)
    page.goto(populated_server.url + HEALTH_PATH)
    press_button(page, "Verify all")
    expect(page.get_by_text("are as they were kept.").filter(visible=True).first).to_be_visible()


@pytest.mark.long
def test_health_page_runs_sandbox_test_on_request(page: Page):
    press_button(page, "Try it out")
    trying = page.get_by_text("A confined process tries to get out")
    expect(trying).to_be_visible()
    expect(trying).to_have_count(0, timeout=2 * TIMEOUT_MS)
    wait_until_idle(page)
    expect(page.get_by_text("Everything that a confined process tried was blocked")).to_be_visible()
    page.get_by_text("What was tried on").click()
    wait_until_idle(page)
    expect(page.get_by_text("It could not start a program").filter(visible=True).first).to_be_visible()


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), VIEWPORTS)
def test_health_page_fits_width_in_light_and_dark(
    width: int, dark: bool, populated_server: Server, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    page.goto(populated_server.url + HEALTH_PATH)
    wait_for_page(page, "Health")
    wait_for_width(page, width)
    take_screenshot(page, f"health-{width}-{'dark' if dark else 'light'}")
