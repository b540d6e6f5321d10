"""Each page by itself: cold deep links, reload and second tab during a training, Cancel, bad addresses, every width."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.text.glossary import GLOSSARY
from tests.browser.page_helpers import (
    LOADED_VIEWPORTS,
    check_accessibility,
    check_fit,
    check_terms,
    switch_page,
    take_screenshot,
    wait_for_page,
)
from tests.browser.server import Server, serve
from tests.factories.warm_start import WarmProcess
from tests.parameter_pairs import drawn_values

TITLES = {
    "": "Save a model. Reload it. See what came back.",
    "tour": "Tour",
    "train": "Train a demo",
    "import": "Import a model",
    "save": "Save a run",
    "library": "Library",
    "inspect": "Inspect",
    "formats": "What survives in which format",
    "compare": "Compare",
    "elsewhere": "Elsewhere",
    "upgrade": "Upgrade",
    "resume": "Resume training",
    "break_it": "Break it",
    "condition": "Health",
}


FIRST_VISITED_PARTS = 10  # the fault was one of the server: in every run, one page in ten tells of it


@pytest.mark.parametrize("path", drawn_values(list(TITLES), FIRST_VISITED_PARTS))
def test_pages_deep_link_works_on_fresh_server(
    path: str, tmp_path: Path, new_page: Callable[..., Page], warm_process: WarmProcess | None
):
    with serve(tmp_path / "store", warm=warm_process) as cold:
        page = new_page()
        page.goto(f"{cold.url}/{path}")
        wait_for_page(page, TITLES[path])
        expect(page.get_by_role("link", name="Library").first).to_be_visible()
        page.goto("about:blank")  # before its server ends


@pytest.mark.parametrize(("width", "dark"), LOADED_VIEWPORTS)
def test_pages_fit_width_and_pass_axe_in_light_and_dark(
    width: int, dark: bool, populated_server: Server, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    page.goto(populated_server.url)
    for path, title in TITLES.items():
        switch_page(page, path)
        wait_for_page(page, title)
        check_fit(page, path or "home", width, dark, check_accessibility)
        check_terms(page)


def test_term_is_explained_under_pointer_where_it_first_stands(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(server.url)
    wait_for_page(page, TITLES[""])
    page.wait_for_function("() => CSS.highlights.get('roundtrip-terms')?.size > 3")
    caption = page.get_by_text("Architecture is the layers").first
    caption.scroll_into_view_if_needed()
    box = caption.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 8)
    tip = page.get_by_role("tooltip").filter(has_text=GLOSSARY["architecture"])
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_navigation_of_narrow_window_has_labels(server: Server, new_page: Callable[..., Page]):
    page = new_page(390)
    page.goto(f"{server.url}/condition")
    wait_for_page(page, "Health")
    button = page.get_by_test_id("stExpandSidebarButton")
    assert button.evaluate("item => getComputedStyle(item, '::after').content") == '"Pages"'
    assert button.bounding_box()["width"] > 60
    button.click()
    for title in ("Home", "Compare", "Health"):
        expect(page.get_by_test_id("stSidebar").get_by_role("link", name=title)).to_be_visible()


def test_copy_link_copies_the_address_and_says_where_it_works(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    page.goto(f"{server.url}/train?demo=tips")
    wait_for_page(page, "Train")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_text("Copied. It works where this library is.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url == f"{server.url}/train?demo=tips"
    page.goto(f"{server.url}/condition")
    wait_for_page(page, "Health")
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)


def test_train_page_running_job_survives_reload_and_cancels_in_a_second(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{server.url}/train?demo=digits-mlp")
    wait_for_page(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill("200")  # the time left is known after a twentieth of them
    page.get_by_role("button", name="Train with these settings").click()
    expect(page.get_by_text("Epoch ").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    second = new_page()
    second.goto(f"{server.url}/train")
    expect(second.get_by_text("left").first).to_be_visible()
    take_screenshot(second, "train-running")
    second.get_by_role("button", name="Cancel").click()
    expect(second.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
    expect(page.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
    expect(page.get_by_role("button", name="Train another")).to_be_visible()
    assert measure_seconds_to_stop(server.home) < 1


def measure_seconds_to_stop(home: Path) -> float:
    """From the press, which touches a marker, to the end on the job's record."""
    marker = next((home / "jobs").glob("*/cancel"))
    end = json.loads((marker.parent / "job.json").read_text())["finished"]
    return datetime.fromisoformat(end).timestamp() - marker.stat().st_mtime


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("train?job=../../etc/passwd", "Nothing in the library has this id"),
        ("train?job=j0000000000", "Nothing in the library has this id"),
        ("save?run=<b>x</b>&job=j0000000000", "Nothing in the library has this id"),
        ("compare?artifact=a0000000000", "Not in the library any more, or never was"),
    ],
)
def test_pages_invalid_url_shows_one_sentence(
    address: str, sentence: str, populated_server: Server, new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(f"{populated_server.url}/{address}")
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_train_page_starts_training_by_keyboard_alone(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{server.url}/train?demo=digits-core")
    wait_for_page(page, "Train a demo")
    epochs = page.get_by_role("spinbutton", name="Epochs")
    for _ in range(60):
        page.keyboard.press("Tab")
        if epochs.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Control+A")
    page.keyboard.type("1")
    button = page.get_by_role("button", name="Train with these settings")
    for _ in range(30):
        page.keyboard.press("Tab")
        if button.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("Accuracy on test examples")).to_be_visible()
