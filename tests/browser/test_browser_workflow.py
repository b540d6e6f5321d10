"""The main job in a browser, as a person does it: train, save, list, reload, compare."""

import io
import re
import zipfile
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_helpers import click_row, take_screenshot, wait_for_page, wait_until_idle
from tests.browser.server import Server

JOB_MS = 180_000  # milliseconds that a training or a few saves may take beside all other tests
ALL_FORMATS_MS = 900_000  # and thirty saves
PATHS = {
    # demo: (its card, formats that take it, formats that are disabled, verdicts in the comparison)
    "digits-mlp": (
        "Read a digit",
        ["SavedModel", "Keras export", "Keras file (.keras)", "Weights only (.weights.h5)", "Architecture only (JSON)"],
        [],
        {"Bit-identical": 4, "Different answers": 1},
    ),
    "digits-core": (
        "Read a digit, without Keras",
        ["SavedModel", "Checkpoint (tf.train)"],
        ["Keras file (.keras)", "HDF5, legacy (.h5)"],
        {"Bit-identical": 2},
    ),
}


@pytest.mark.long  # a newcomer walks this way, too, and the tour
@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core"])
def test_user_path_train_save_list_and_compare(demo: str, server: Server, new_page: Callable[..., Page]):
    label, chosen, disabled, verdicts = PATHS[demo]
    page = new_page()
    train_demo(page, server, demo, epochs=3)
    page.get_by_role("button", name="Save it").click()
    wait_for_page(page, "Save a run")
    save_formats(page, label, chosen, disabled)
    if demo == "digits-mlp":
        take_screenshot(page, "save-done")
    page.get_by_role("button", name="Compare them").click()
    wait_for_page(page, "Compare")
    expect(page.get_by_role("tab", name="Row by row", selected=True)).to_be_visible()
    for words, count in verdicts.items():
        expect(page.locator("[class*=st-key-verdict-]").filter(has_text=words)).to_have_count(count)
    expect(page.get_by_text(re.compile(r"Row \d+, close up"))).to_be_visible()
    wait_until_idle(page)
    take_screenshot(page, f"compare-{demo}")
    reopened = new_page()
    reopened.goto(page.url)
    expect(reopened.get_by_text(re.compile(r"Row \d+, close up"))).to_be_visible()


def train_demo(page: Page, server: Server, demo: str, epochs: int) -> None:
    """From the Train page to a finished run of a demo."""
    page.goto(f"{server.url}/train?demo={demo}")
    wait_for_page(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill(str(epochs))
    page.get_by_role("button", name="Train with these settings").click()
    expect(page.get_by_text("Accuracy on test examples")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_role("heading", name="Rows that it has never seen")).to_be_visible()
    expect(page.get_by_text("model.summary()")).to_be_visible()
    wait_until_idle(page)
    take_screenshot(page, f"train-{demo}")


def save_formats(page: Page, label: str, chosen: list[str], disabled: list[str]) -> None:
    """Tick formats, see those that cannot be ticked, save, and wait for all."""
    for name in disabled:
        expect(page.get_by_role("checkbox", name=name)).to_be_disabled()
    for name in chosen:
        page.get_by_text(name, exact=True).first.click()
        wait_until_idle(page)
    page.get_by_role("button", name=f"Save {len(chosen)} formats").click()
    expect(page.get_by_role("button", name="Compare them")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("files, code and reload result")).to_have_count(len(chosen))
    page.get_by_text(f"{chosen[0]}: files, code and reload result").click()
    expect(page.get_by_text("The code that saved it")).to_be_visible()
    expect(page.get_by_text("def save(")).to_be_visible()


def test_user_path_find_download_remove_and_restore(
    populated_server: Server, saved: Callable[[str, str], dict], new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(f"{populated_server.url}/library?search={saved('digits-mlp', 'saved_model')['artifact']}")
    wait_for_page(page, "Library")
    expect(page.get_by_text("1 artifact,")).to_be_visible()
    select_row(page, 0)
    expect(page.get_by_role("button", name="Remove")).to_be_enabled()
    expect(page.get_by_text("In a fresh process, without the original code")).to_be_visible()
    take_screenshot(page, "library-selected")
    with page.context.expect_event("download") as waiting:
        page.get_by_role("link", name="Download").click()
    content = waiting.value.path().read_bytes()
    names = [name.split("/", 1)[1] for name in zipfile.ZipFile(io.BytesIO(content)).namelist()]
    assert {"saved_model.pb", "fingerprint.pb", "variables/variables.index"} <= set(names)
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("1 artifact moved into the trash")).to_be_visible()
    expect(page.get_by_text("No artifact fits")).to_be_visible()
    take_screenshot(page, "library-removed")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 artifact,")).to_be_visible()


def select_row(page: Page, row: int) -> None:
    """Tick a row of the first table: the grid is a canvas, its first column holds the boxes."""
    click_row(page, row)
    wait_until_idle(page)


@pytest.mark.long
def test_user_path_save_in_all_formats_and_open_matrix(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    train_demo(page, server, "digits-cnn", epochs=2)
    page.get_by_role("button", name="Save it").click()
    wait_for_page(page, "Save a run")
    page.get_by_role("button", name="Save all").click()  # and how many, by what is installed
    expect(page.get_by_role("button", name="Compare them")).to_be_visible(timeout=ALL_FORMATS_MS)
    expect(
        page.get_by_text("A function of the model uses a variable that does not belong to the model")
    ).to_be_visible()
    take_screenshot(page, "save-all-digits-cnn")
    page.get_by_role("link", name="Formats").first.click()
    wait_for_page(page, "What survives in which format")
    expect(page.get_by_text("have not been tried on this run")).to_have_count(0)
    expect(page.get_by_role("button", name="Markdown")).to_be_visible()
    heading = page.locator(".st-key-matrix thead th").filter(has_text="Optimizer state").locator("> div")
    expect(heading).to_have_css("overflow-x", "visible")  # else its last letter is cut
    page.locator("[class*=st-key-findings-keras_export]").get_by_text("Keras export").click()
    expect(page.get_by_text("The same rows twice differ by")).to_be_visible()
    expect(page.get_by_text("Answering moves 3 of them")).to_be_visible()
    take_screenshot(page, "formats-digits-cnn")
