"""Bring in, in a browser: a good file comes in and is converted, a bad one is refused in words; every width."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_helpers import (
    choose_files,
    resize,
    take_screenshot,
    wait_for_page,
    wait_for_width,
    wait_until_idle,
)
from tests.browser.server import Server
from tests.factories import external_models


@pytest.fixture
def page(server: Server, new_page: Callable[..., Page]) -> Page:
    """The page Bring in, before anything was chosen."""
    item = new_page()
    item.goto(f"{server.url}/import")
    wait_for_page(item, "Import a model")
    return item


def upload_files(page: Page, *paths: Path) -> None:
    """Choose files, wait until they have come, and send them."""
    choose_files(page, *paths)
    for path in paths:
        expect(page.get_by_text(path.name, exact=True)).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()


@pytest.mark.long  # a newcomer imports a file, too
def test_import_page_uploads_shows_and_converts_a_model(page: Page, new_page: Callable[..., Page], tmp_path: Path):
    take_screenshot(page, "import-1280-light")
    upload_files(page, external_models.write_keras_file(tmp_path))
    expect(page.get_by_text("What was checked")).to_be_visible()
    expect(page.get_by_text("Imported").filter(visible=True).first).to_be_visible()
    expect(page.get_by_text("Bit-identical").filter(visible=True).first).to_be_visible()
    expect(page.get_by_text("It answers 64 random rows")).to_be_visible()
    again = new_page()
    again.goto(page.url)
    expect(again.get_by_text("What was checked")).to_be_visible()
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        resize(again, width, dark)
        wait_for_width(again, width)
        take_screenshot(again, f"brought-in-{width}-{'dark' if dark else 'light'}")
    page.get_by_role("button", name="Convert").click()
    wait_for_page(page, "Save a run")
    page.get_by_text("SavedModel", exact=True).first.click()
    wait_until_idle(page)
    page.get_by_role("button", name="Save 1 format").click()
    expect(page.get_by_text("SavedModel: files, code and reload result")).to_be_visible()
    expect(page.get_by_text("Bit-identical").filter(visible=True).first).to_be_visible()


def test_import_page_refuses_non_model_file_with_rule_and_cure(
    page: Page, new_page: Callable[..., Page], tmp_path: Path
):
    path = tmp_path / "holiday.keras"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    upload_files(page, path)
    expect(page.get_by_text("The content of the file is not of the kind that its ending says")).to_be_visible()
    expect(page.get_by_text("Give the file the ending that it was saved with")).to_be_visible()
    expect(page.get_by_text("Nothing of the file was kept. Rule: unlike")).to_be_visible()
    wait_until_idle(page)
    take_screenshot(page, "refused-1280-light")
    again = new_page(390, dark=True)
    again.goto(page.url)
    expect(again.get_by_text("Rule: unlike")).to_be_visible()
    wait_until_idle(again)
    take_screenshot(again, "refused-390-dark")
    page.get_by_role("button", name="Import another").click()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_visible()
