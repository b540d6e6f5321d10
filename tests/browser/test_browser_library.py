"""The Library page in a browser: filters, pages and marks, many removed and brought back, and a view that its address
gives again.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.library import Library, Query
from core.library.ids import new_id
from tests.browser.page_helpers import take_screenshot, tick_row, wait_for_page, wait_until_idle
from tests.browser.server import Server, serve
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.warm_start import WarmProcess

ARTIFACT_COUNT = 120  # artifacts: half of them in one format, so two pages of that


def populate_library(home: Path, count: int) -> Library:
    """A library of so many artifacts: three are kept, and the others are copies of their folders."""
    library = Library(home)
    run = make_run(library)
    originals = [make_artifact(library, run, key, b"x" * 100) for key in ("keras", "h5")]
    for number in range(count - len(originals)):
        original = originals[number % 2]
        id_, folder = new_id("a"), library.home / "artifacts"
        shutil.copytree(folder / original.id, folder / id_, copy_function=os.link)
        record = original.model_copy(
            update={"id": id_, "created": f"2026-02-01T00:{number // 60 % 60:02}:{number % 60:02}Z"}
        )
        (folder / id_ / "artifact.json").unlink()  # a link to the record of the original
        (folder / id_ / "artifact.json").write_text(record.to_json_text(), encoding="utf-8")
    return library


@pytest.fixture
def large_library(tmp_path: Path, warm_process: WarmProcess | None) -> Iterator[tuple[Server, Library]]:
    """A running server over made artifacts, and their library."""
    library = populate_library(tmp_path / "store", ARTIFACT_COUNT)
    with serve(library.home, warm=warm_process) as server:
        yield server, library


def choose_option(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).first.click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")
    wait_until_idle(page)


@pytest.mark.long  # a newcomer does the same, and tests/ui restores filters
def test_library_page_filters_annotates_removes_and_restores_from_url(
    large_library: tuple[Server, Library], new_page: Callable[..., Page]
):
    server, library = large_library
    page = new_page()
    page.goto(f"{server.url}/library")
    wait_for_page(page, "Library")
    expect(page.get_by_text(f"{ARTIFACT_COUNT} artifacts,")).to_be_visible()
    choose_option(page, "Format", "Keras file (.keras)")
    expect(page.get_by_text(f"{ARTIFACT_COUNT // 2} artifacts,")).to_be_visible()
    choose_option(page, "Order", "Oldest first")
    page.get_by_role("button", name="Page 2", exact=True).click()
    expect(page).to_have_url(re.compile(r"page=2"))
    wait_until_idle(page)
    assert {"format=keras", "sort=oldest", "page=2"} <= set(page.url.partition("?")[2].split("&"))
    last = library.page(Query(formats=("keras",), descending=False, page=2))
    assert len(last.entries) == 10

    tick_row(page, -1, 10)
    page.get_by_role("button", name="Tag", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name=re.compile("Add")).fill("Nightly")
    page.keyboard.press("Enter")
    dialog.get_by_text("Tag 10 artifacts").click()
    expect(dialog).to_have_count(0)
    wait_until_idle(page)
    assert library.count_tags() == {"nightly": 10}

    again = new_page(390, dark=True)
    again.goto(page.url)
    wait_for_page(again, "Library")
    expect(again.get_by_text(f"{ARTIFACT_COUNT // 2} artifacts,")).to_be_visible()
    expect(again.get_by_role("combobox", name=re.compile("Order"))).to_have_value("Oldest first")
    take_screenshot(again, "library-view-390-dark")

    page.goto(f"{server.url}/library?tag=nightly&sort=oldest")
    wait_for_page(page, "Library")
    expect(page.get_by_text("10 artifacts,")).to_be_visible()
    tick_row(page, 0, 1)
    expect(page.get_by_text("Where it comes from")).to_be_visible()
    first = last.entries[0].id
    page.get_by_role("textbox", name="Aliases").fill("champion")
    page.get_by_role("textbox", name="Note").fill("<b>The one</b>")
    page.get_by_text("Pinned", exact=True).last.click()
    page.get_by_role("button", name="Keep changes").click()
    expect(page.get_by_text("Kept.")).to_be_visible()
    wait_until_idle(page)
    take_screenshot(page, "library-marked")
    assert (library.aliases(), library.annotations(first).note) == ({"champion": first}, "<b>The one</b>")
    assert library.annotations(first).pinned

    page.goto(f"{server.url}/library?tag=nightly&sort=oldest")
    wait_for_page(page, "Library")
    tick_row(page, -1, 10)
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("dialog").get_by_text("The alias 'champion' points to it")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("button", name="Remove")).to_be_disabled()
    page.get_by_role("dialog").get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    tick_row(page, 0, 9)
    remove_selected(page)
    expect(page.get_by_text("9 artifacts moved into the trash")).to_be_visible()
    expect(page.get_by_text("1 artifact,")).to_be_visible()
    page.get_by_text("In the trash: 9").click()
    expect(page.get_by_text("30 days left")).to_have_count(9)
    page.get_by_text("Space", exact=True).click()
    expect(page.get_by_text("are free on the disk")).to_be_visible()
    take_screenshot(page, "library-trash")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("10 artifacts,")).to_be_visible()
    assert library.trash_ids() == []

    page.get_by_role("link", name="Pinned").click()
    expect(page).to_have_url(re.compile(r"/library\?marked=pinned$"))
    expect(page.get_by_text("1 artifact,")).to_be_visible()
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.get_by_text(f"{ARTIFACT_COUNT} artifacts,")).to_be_visible()


def remove_selected(page: Page) -> None:
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    wait_until_idle(page)


@pytest.mark.long
def test_ten_thousand_artifacts_are_searched_and_paged(tmp_path: Path, new_page: Callable[..., Page]):
    library = populate_library(tmp_path / "store", 10_000)
    library.rebuild_catalog()
    with serve(library.home) as server:
        page = new_page()
        page.goto(f"{server.url}/library")
        wait_for_page(page, "Library")
        expect(page.get_by_text("10,000 artifacts,")).to_be_visible()
        page.get_by_role("button", name="Page 200", exact=True).click()
        expect(page).to_have_url(re.compile("page=200"))
        wait_until_idle(page)
        page.get_by_role("searchbox", name="Search").fill("h5")
        expect(page.get_by_text("5,000 artifacts").or_(page.get_by_text("More than 50 artifacts"))).to_be_visible()
        item = library.page(Query(page=77)).entries[7].id
        page.get_by_role("searchbox", name="Search").fill(item)
        expect(page.get_by_text("1 artifact,")).to_be_visible()
        take_screenshot(page, "library-ten-thousand")
        page.context.close()
