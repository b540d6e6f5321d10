"""Bring in, in a browser: a good file comes in and is converted, a bad one is refused in words; every width."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.bringing import makers
from tests.browser.conftest import heading, picture, settled
from tests.browser.server import Server


@pytest.fixture
def page(server: Server, new_page: Callable[..., Page]) -> Page:
    """The page Bring in, before anything was chosen."""
    one = new_page()
    one.goto(f"{server.url}/bring-in")
    heading(one, "Bring in a model")
    return one


def give(page: Page, *paths: Path) -> None:
    """Choose files, wait until they have come, and send them."""
    page.locator("input[type=file]").set_input_files(list(paths))
    for path in paths:
        expect(page.get_by_text(path.name, exact=True)).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Bring in", exact=True).click()


def test_a_model_comes_in_is_shown_and_is_converted(page: Page, new_page: Callable[..., Page], tmp_path: Path):
    picture(page, "bring-in-1280-light")
    give(page, makers.keras_file(tmp_path))
    expect(page.get_by_text("What was checked")).to_be_visible()
    expect(page.get_by_text("Brought in").first).to_be_visible()
    expect(page.get_by_text("Bit-identical").first).to_be_visible()
    expect(page.get_by_text("It answers 64 random rows")).to_be_visible()
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        again = new_page(width, dark)
        again.goto(page.url)
        expect(again.get_by_text("What was checked")).to_be_visible()
        settled(again)
        assert again.evaluate("document.documentElement.scrollWidth") == width
        picture(again, f"brought-in-{width}-{'dark' if dark else 'light'}")
        again.close()
    page.get_by_role("button", name="Convert").click()
    heading(page, "Save a run")
    page.get_by_text("SavedModel", exact=True).first.click()
    settled(page)
    page.get_by_role("button", name="Save in 1 format").click()
    expect(page.get_by_text("SavedModel: files, code and evidence")).to_be_visible()
    expect(page.get_by_text("Bit-identical").first).to_be_visible()


def test_a_file_that_is_none_of_a_model_is_refused_with_rule_and_cure(
    page: Page, new_page: Callable[..., Page], tmp_path: Path
):
    path = tmp_path / "holiday.keras"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    give(page, path)
    expect(page.get_by_text("The content of the file is not of the kind that its ending says")).to_be_visible()
    expect(page.get_by_text("Give the file the ending that it was saved with")).to_be_visible()
    expect(page.get_by_text("Nothing of the file was kept. Rule: unlike")).to_be_visible()
    settled(page)
    picture(page, "refused-1280-light")
    again = new_page(390, dark=True)
    again.goto(page.url)
    expect(again.get_by_text("Rule: unlike")).to_be_visible()
    settled(again)
    picture(again, "refused-390-dark")
    page.get_by_role("button", name="Bring in another").click()
    expect(page.get_by_role("button", name="Bring in", exact=True)).to_be_visible()
