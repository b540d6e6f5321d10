"""Health in a browser: its buttons do what they say, damage leads to the artifact, and every width is whole."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.settings import Settings
from tests.browser.conftest import LOOKS, WAIT, heading, picture, settled
from tests.browser.server import Server
from tests.browser.test_library import tick

ADDRESS = "/condition"


@pytest.fixture
def page(furnished: Server, new_page: Callable[..., Page]) -> Page:
    """The page Health over a library with copies of two demos."""
    one = new_page()
    one.goto(furnished.url + ADDRESS)
    heading(one, "Health")
    return one


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_verify_rebuild_and_repair_say_that_all_is_in_order(page: Page):
    press(page, "Verify all")
    expect(page.get_by_text("are as they were kept.").first).to_be_visible()
    expect(page.get_by_text("every byte against its SHA-256")).to_be_visible()
    press(page, "Rebuild the catalog")
    expect(page.get_by_text("the same as before.")).to_be_visible()
    press(page, "Look for repairs")
    expect(page.get_by_text("Everything is in order: there is nothing to repair.")).to_be_visible()


@pytest.mark.trust
@pytest.mark.long
def test_a_flipped_bit_is_found_in_all_and_in_one_and_leads_to_the_artifact(
    page: Page, furnished: Server, config: Settings, saved: Callable[[str, str], dict]
):
    id_ = saved("digits-mlp", "keras")["artifact"]
    file = config.home / "artifacts" / id_ / "files" / "model.keras"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        press(page, "Verify all")
        expect(page.get_by_text("1 entry is not as it should be")).to_be_visible()
        press(page, "Find it")
        heading(page, "Library")
        assert f"search={id_}" in page.url
        tick(page, 0, 1)
        press(page, "Verify")
        heading(page, "Health")
        expect(page.get_by_text(f"Keras file (.keras) ({id_}): 1 not as it should be.")).to_be_visible()
    finally:
        file.write_bytes(whole)
    page.goto(furnished.url + ADDRESS)
    press(page, "Verify all")
    expect(page.get_by_text("are as they were kept.").first).to_be_visible()


@pytest.mark.long
def test_the_sandbox_is_tried_out_on_request(page: Page):
    press(page, "Try it out")
    trying = page.get_by_text("A confined process tries to get out")
    expect(trying).to_be_visible()
    expect(trying).to_have_count(0, timeout=2 * WAIT)
    settled(page)
    expect(page.get_by_text("Everything that a confined process tried was blocked")).to_be_visible()
    page.get_by_text("What was tried on").click()
    settled(page)
    expect(page.get_by_text("It could not start a program").first).to_be_visible()


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_the_page_fits_its_width_in_light_and_dark(
    width: int, dark: bool, furnished: Server, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    page.goto(furnished.url + ADDRESS)
    heading(page, "Health")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    picture(page, f"health-{width}-{'dark' if dark else 'light'}")
