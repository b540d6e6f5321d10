"""Each page by itself: cold deep links, reload and second tab during a training, Cancel, bad addresses, every width."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.settings import PROJECT
from core.text.glossary import GLOSSARY
from tests.browser.page_helpers import (
    LOADED_VIEWPORTS,
    check_accessibility,
    check_fit,
    check_terms,
    choose_files,
    find_box,
    point_until_shown,
    switch_page,
    take_screenshot,
    wait_for_epoch,
    wait_for_page,
    wait_until_idle,
)
from tests.browser.server import Server, serve
from tests.factories.warm_start import WarmProcess
from tests.helpers import CANCEL_SECONDS, wait_until
from tests.parameter_pairs import drawn_values
from ui.browser_component import REDUCED_MOTION

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
    "sweep": "Sweep",
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


@pytest.mark.parametrize("half", drawn_values([0, 1], 2))
@pytest.mark.parametrize(("width", "dark"), LOADED_VIEWPORTS)
def test_pages_fit_width_and_pass_axe_in_light_and_dark(
    width: int, dark: bool, half: int, populated_server: Server, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    page.goto(populated_server.url)
    for path, title in list(TITLES.items())[half::2]:
        switch_page(page, path)
        wait_for_page(page, title)
        check_fit(page, path or "home", width, dark, check_accessibility)
        check_terms(page)


@pytest.mark.long
@pytest.mark.parametrize("path", ["import", "upgrade", "sweep"])
def test_upload_control_with_a_file_fits_and_passes_axe(path: str, server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{server.url}/{path}")
    wait_for_page(page, TITLES[path])
    choose_files(page, {"name": "a model.keras", "mimeType": "application/zip", "buffer": b"0123456789"})
    check_fit(page, f"{path}-sent", 1280, False, check_accessibility)
    page.get_by_role("button", name="Remove: a model.keras").click()
    expect(page.get_by_text("Sent.", exact=True)).to_have_count(0)


SCROLL = """() => {
    document.dispatchEvent(new Event("scroll"))
    return document.getElementById("roundtrip-term").matches(":popover-open")
}"""
REWORD = """([words, others]) => {
    const walker = document.createTreeWalker(document.querySelector("[data-testid=stMain]"), NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replace(words, others)
}"""


def test_term_is_explained_under_pointer_where_it_first_stands(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(server.url)
    wait_for_page(page, TITLES[""])
    page.wait_for_function("() => CSS.highlights.get('roundtrip-terms')?.size > 3")
    tip = page.get_by_role("tooltip").filter(has_text=GLOSSARY["architecture"])
    point_until_shown(page.get_by_text("Architecture is the layers").first, 20, 8, tip)
    assert page.evaluate(SCROLL) is False  # at once
    expect(tip).to_be_visible()  # the pointer rests where the page has come to rest
    page.evaluate(REWORD, ["Architecture is", "Xrchitecture is"])
    expect(tip).to_be_hidden()
    page.evaluate(REWORD, ["Xrchitecture is", "Architecture is"])
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


ADD_TABLE = """() => {
    const box = document.querySelector("[data-testid=stMain]").appendChild(document.createElement("div"))
    box.dataset.testid = "stTable"
    box.innerHTML = "<div id=box style='width: 300px; overflow: auto'><table style='width: 200px'><td>1</table></div>"
}"""
WIDEN_TABLE = "width => { document.querySelector('#box table').style.width = width }"


def test_table_is_reached_by_keyboard_as_long_as_it_scrolls(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(server.url)
    wait_for_page(page, TITLES[""])
    page.evaluate(ADD_TABLE)
    box = page.locator("#box")
    for width, reached in (("200px", 0), ("400px", 1), ("200px", 0)):
        page.wait_for_function("() => window.roundtripKeyboard.timer === undefined")
        page.evaluate(WIDEN_TABLE, width)  # no change of the document: a style or a font has come
        expect(box.and_(page.locator("[tabindex='0']"))).to_have_count(reached)


def test_navigation_of_narrow_window_has_labels(server: Server, new_page: Callable[..., Page]):
    page = new_page(390)
    page.goto(f"{server.url}/condition")
    wait_for_page(page, "Health")
    button = page.get_by_test_id("stExpandSidebarButton")
    wait_until(lambda: button.evaluate("item => getComputedStyle(item, '::after').content") == '"Pages"')
    wait_until(lambda: find_box(button)["width"] > 60)
    button.click()
    for title in ("Home", "Compare", "Health"):
        expect(page.get_by_test_id("stSidebar").get_by_role("link", name=title)).to_be_visible()


def test_expander_stays_as_it_was_when_the_address_gets_a_parameter(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{server.url}/sweep")
    wait_for_page(page, "Sweep")
    files = page.locator("details").filter(has_text="Files in place of runs")
    was_open = files.evaluate("item => item.open")  # in an empty library
    files.get_by_text("Files in place of runs").click()
    expect(files).to_have_js_property("open", not was_open)
    page.get_by_text("Before and after an upgrade", exact=True).click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    wait_until_idle(page)
    expect(files).to_have_js_property("open", not was_open)


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


def test_train_page_running_job_survives_reload_and_is_cancelled(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(f"{server.url}/train?demo=digits-mlp")
    wait_for_page(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill("200")  # the time left is known after a twentieth of them
    page.get_by_role("button", name="Train with these settings").click()
    wait_for_epoch(page)
    page.reload()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    second = new_page()
    second.goto(f"{server.url}/train")
    expect(second.get_by_text("left").filter(visible=True).first).to_be_visible()
    take_screenshot(second, "train-running")
    second.get_by_role("button", name="Cancel").click()
    expect(second.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
    expect(page.get_by_text("Cancelled. Nothing was kept")).to_be_visible()
    expect(page.get_by_role("button", name="Train another")).to_be_visible()
    assert measure_seconds_to_stop(server.home) < CANCEL_SECONDS


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


# A shadow root of its own for each style sheet, as components have, with an element for each rule that moves something;
# then, for these and for all of the page, the seconds that the slowest movement takes.
SHOW_MOVING_RULES = """sheets => {
    for (const css of sheets) {
        const host = document.body.appendChild(document.createElement("div"))
        host.className = "moving"
        const root = host.attachShadow({ mode: "open" })
        root.innerHTML = `<style>${css}</style>`
        const rules = [...root.styleSheets[0].cssRules].filter(rule => rule.selectorText)
        for (const { selectorText } of rules.filter(rule => /transition:|animation:/.test(rule.cssText))) {
            let parent = root
            for (const part of selectorText.split(",")[0].trim().split(/[ >]+/)) {
                parent = parent.appendChild(document.createElement("div"))
                parent.className = part.split(".").slice(1).join(" ")
            }
            parent.setAttribute("moves", selectorText)
        }
    }
}"""
SLOWEST_MOVEMENTS = """() => {
    const seconds = element => {
        const style = getComputedStyle(element)
        const times = `${style.transitionDuration}, ${style.animationDuration}`.split(",").map(parseFloat)
        return Math.max(...times.filter(time => !isNaN(time)))
    }
    const hosts = [...document.querySelectorAll(".moving")]
    const moving = hosts.flatMap(host => [...host.shadowRoot.querySelectorAll("[moves]")])
    return [moving.map(seconds), Math.max(...[...document.querySelectorAll("body, body *")].map(seconds))]
}"""


def test_nothing_moves_where_less_motion_is_asked_for(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    page.goto(server.url)
    wait_for_page(page, TITLES[""])
    sheets = [path.read_text(encoding="utf-8") for path in (PROJECT / "ui").rglob("*.css")]
    motion = REDUCED_MOTION.read_text(encoding="utf-8")
    page.evaluate(SHOW_MOVING_RULES, [css + motion for css in sheets])
    moving, slowest = page.evaluate(SLOWEST_MOVEMENTS)
    assert len(moving) >= 4
    assert min(moving) > 0.1
    assert slowest > 0.1
    page.emulate_media(reduced_motion="reduce")
    moving, slowest = page.evaluate(SLOWEST_MOVEMENTS)
    page.emulate_media(reduced_motion="no-preference")
    assert max(*moving, slowest) <= 1e-5
