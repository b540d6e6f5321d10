"""The tour in a browser: one button leads to a verdict; by mouse and by keyboard; its address restores it."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Locator, Page, expect

from core.library import Library
from core.library.job_store import JobStore
from tests.browser.page_helpers import (
    LOADED_VIEWPORTS,
    check_fit,
    find_box,
    listen,
    wait_for_address,
    wait_for_page,
    wait_until_idle,
)
from tests.browser.server import Server
from ui.tour.story import DEMO, FORMATS, STEPS

JOB_MS = 150_000  # milliseconds that a training or a save may take beside all other tests
pytestmark = pytest.mark.timeout(500)
HOME_TITLE = "Save a model. Reload it. See what came back."


def open_step(page: Page, server: Server, step: str) -> None:
    """Open a step of a tour whose copies are saved, which is made where there is none yet."""
    page.goto(f"{server.url}/tour?job={find_tour(server) or make_tour(page, server)}&step={step}")
    wait_for_page(page, "Tour")
    expect(page.get_by_role("heading", name=STEPS[step].title)).to_be_visible()


def find_tour(server: Server) -> str | None:
    store = JobStore(Library(server.home).home / "jobs", 100)
    saved = {job.request["run"] for job in store.list_jobs("save") if job.state == "done"}
    for job in store.list_jobs("train"):
        is_tour = job.state == "done" and job.request["demo"] == DEMO
        if is_tour and store.read(job.id).result["run"] in saved:
            return job.id
    return None


def make_tour(page: Page, server: Server) -> str:
    """Press the one button, and wait until all copies are saved. Returns the id of the tour's training."""
    page.goto(server.url)
    wait_for_page(page, HOME_TITLE)
    expect(page.get_by_text("TensorFlow is ready")).to_be_visible(timeout=JOB_MS)
    page.get_by_role("button", name="Show me, 60 seconds").click()
    expect(page.get_by_text("The first copy came back")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("Bit-identical").filter(visible=True).first).to_be_visible()
    expect(page.get_by_text(f"of {len(FORMATS)} copies are done")).to_have_count(0, timeout=JOB_MS)
    return parse_qs(urlparse(page.url).query)["job"][0]


def drag(page: Page, item: Locator, target: Locator) -> None:
    start, end = find_box(item), target.bounding_box()
    item.hover(position={"x": 20, "y": 20})
    page.mouse.down()
    page.mouse.move(start["x"] + 60, start["y"] + 60)
    page.mouse.move(end["x"] + 40, end["y"] + 40)
    page.mouse.up()


def test_tour_from_home_button_to_verdict_pack_guess_and_answers(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    open_step(page, server, "learn")
    expect(page.get_by_text(re.compile(r"It sees a \d"))).to_be_visible()
    page.get_by_role("button", name="Next: Pack the suitcase").click()
    case, floor = page.get_by_label("In the suitcase"), page.get_by_label("Fell out")
    page.get_by_role("radio", name=re.compile("Architecture only")).check()
    for name in ("Architecture", "Weights"):
        drag(page, page.get_by_role("button", name=name), case)
    expect(case.get_by_role("button")).to_have_count(1)
    expect(floor.get_by_role("button", name="Weights")).to_be_visible()
    expect(page.get_by_text("Architecture only (JSON): Weights fell out.")).to_be_visible()
    page.get_by_role("radio", name=re.compile(r"Keras file \(\.keras\)")).check()
    expect(case.get_by_role("button")).to_have_count(2)
    expect(page.get_by_text("Nothing fell out of Keras file (.keras).")).to_be_visible()
    page.get_by_role("button", name="Next: Open it elsewhere").click()
    page.get_by_role("button", name=re.compile(r"Keras file \(\.keras\)")).click()
    expect(page.get_by_text("Not that one: Architecture only (JSON) answers differently.")).to_be_visible()
    elsewhere = page.get_by_label("A process that has never seen the model")
    expect(elsewhere.get_by_role("button")).to_have_count(5)
    expect(elsewhere.get_by_role("button", name=re.compile("Different answers"))).to_have_count(1)
    wait_for_address(page, "guess=keras")
    guessed = elsewhere.get_by_role("button", name=re.compile(r"Keras file \(\.keras\)"))
    expect(guessed).to_be_focused()
    expect(guessed).to_be_disabled()  # to assistive technology
    page.get_by_role("button", name="Next: Draw, and all answer").click()
    expect(page.get_by_text("This file has the plan, not the memory.")).to_be_visible()
    page.get_by_role("radio", name=re.compile(r"Keras file \(\.keras\)")).check()
    expect(page.get_by_text(re.compile(r"^Both see a \d\. $"))).to_be_visible()


def test_tour_slider_computes_in_the_browser_without_the_server(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    open_step(page, server, "bits")
    slider = page.get_by_role("slider")
    expect(page.get_by_text("weights take 32.8 kB")).to_be_visible()
    wait_until_idle(page)
    requests: list[str] = []
    listen(page, "request", lambda request: requests.append(request.url))
    page.context.set_offline(True)
    slider.focus()
    for size in ("16.4 kB", "8.7 kB", "4.6 kB"):
        slider.press("ArrowRight")
        expect(page.get_by_text(f"weights take {size}")).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^4 bits, 4\.6 kB\. The saved copy sees a \d\."))
    shown = set(page.locator("canvas").evaluate(COLUMN_COLOURS))
    slider.press("End")
    expect(page.get_by_text("The answer flips")).to_be_visible()
    page.context.set_offline(False)
    assert requests == []
    assert len(shown) <= 15  # the steps of 4 bits


COLUMN_COLOURS = """canvas => {
    const data = canvas.getContext("2d").getImageData(0, 0, 1, canvas.height).data
    return Array.from({ length: canvas.height }, (_, row) => data.slice(4 * row, 4 * row + 3).join())
}"""


@pytest.mark.long
def test_tour_by_keyboard_alone_from_rail_to_adviser(server: Server, new_page: Callable[..., Page]):
    page = new_page()
    open_step(page, server, "pack")
    page.get_by_role("radio", name=re.compile("safetensors")).focus()
    page.keyboard.press("Space")
    weights = page.get_by_role("button", name="Weights")
    weights.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("In the suitcase").get_by_role("button", name="Weights")).to_be_focused()
    page.get_by_role("button", name="Optimizer state").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("safetensors: Optimizer state fell out.")).to_be_visible()
    press_next(page, "Open it elsewhere")
    page.get_by_role("button", name=re.compile("Architecture only")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Right: Architecture only (JSON) answers differently.")).to_be_visible()
    for step in ("Draw, and all answer", "Fewer bits", "Resume training"):
        press_next(page, step)
    for ending in ("Resumes exactly", "Jumps", "Starts over", "Could not continue"):
        expect(page.get_by_text(ending).filter(visible=True).first).to_be_visible()
    press_next(page, "Which one should I take?")
    expect(page.get_by_text("Right: Architecture only (JSON) answers differently.")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Take "))).to_be_visible()
    page.get_by_role("radio", name="Phone").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="Take LiteRT (.tflite).")).to_be_visible()
    expect(page.get_by_text("Nobody has measured it on a phone")).to_be_visible()


def press_next(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"Next: {title}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    wait_until_idle(page)


@pytest.mark.parametrize("step", [pytest.param(step, marks=pytest.mark.long) for step in STEPS])
@pytest.mark.parametrize(("width", "dark"), LOADED_VIEWPORTS)
def test_tour_step_fits_width_in_light_and_dark(
    step: str, width: int, dark: bool, server: Server, new_page: Callable[..., Page]
):
    page = new_page(width, dark)
    open_step(page, server, step)
    wait_until_idle(page)
    check_fit(page, f"tour-{step}", width, dark)
