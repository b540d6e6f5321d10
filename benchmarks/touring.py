"""From one button to the tour's first verdict, beside the same training and formats clicked on the pages."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.measure import Row, Sample, in_turn
from benchmarks.server import HOME_TITLE
from benchmarks.serving import chromium, new_page, ours, painted, seconds_to_paint
from core.formats import get_format
from tests.browser.server import Server
from ui.tour.story import DEMO, EPOCHS, FORMATS

MOST_SECONDS = 60
REPEATS = 2
CLICKED = "the same training and formats, clicked on Train and Save by a script without pauses, to all verdicts"


def measure() -> list[Row]:
    """A warm server; each round trains and saves anew. Clicking ends with the last verdict, the tour's row with its
    first: a person who looks for one has to click all of that."""
    with (
        chromium() as browser,
        tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder,
        ours(Path(folder) / "store") as server,
        new_page(browser) as page,
    ):
        first, clicked = in_turn(REPEATS, lambda: _tour(page, server), lambda: _click(page, server))
        _tour(page, server)
        frames = _redraw_slider(page)
    label = "one button on Home to the tour's first verdict, on a warm server"
    return [
        Row(label, first, at_most=MOST_SECONDS),
        Row("the same button to the first verdict", Sample(first.values), clicked, CLICKED, at_most=0.5),
        Row("one frame of the tour's slider, in the browser alone", frames, unit="ms", at_most=50),
    ]


def _open_home(page: Page, server: Server) -> None:
    seconds_to_paint(page, server.url, HOME_TITLE)
    page.get_by_text("TensorFlow is ready").wait_for()


def _tour(page: Page, server: Server) -> float:
    """Seconds from the button to the first verdict; then wait until all copies are saved, for the next round."""
    _open_home(page, server)
    started = time.perf_counter()
    page.get_by_role("button", name="Show me, 60 seconds").click()
    page.get_by_text("The first copy came back").wait_for()
    seconds = time.perf_counter() - started
    page.get_by_text("copies are done").wait_for(state="hidden")
    return seconds


def _click(page: Page, server: Server) -> float:
    """Seconds from Home to the verdicts of the same formats."""
    _open_home(page, server)
    started = time.perf_counter()
    page.goto(f"{server.url}/train?demo={DEMO}")
    painted(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill(str(EPOCHS))  # the same training as the tour's
    page.get_by_role("button", name="Train with these settings").click()
    page.get_by_role("button", name="Save it").click()
    painted(page, "Save a run")
    for key in FORMATS:
        page.get_by_text(get_format(key).label, exact=True).first.click()
        painted(page, "Save a run")
    page.get_by_role("button", name=f"Save {len(FORMATS)} formats").click()
    page.get_by_role("button", name="Compare them").wait_for()
    return time.perf_counter() - started


# Each move of the slider rounds the layer, answers, and paints; milliseconds of each.
REDRAW = """slider => [0, 1, 2, 3, 4, 5, 4, 3, 2, 1].map(place => {
    const started = performance.now()
    slider.value = place
    slider.oninput()
    return performance.now() - started
})"""


def _redraw_slider(page: Page) -> Sample:
    page.goto(f"{page.url}&step=bits")
    slider = page.get_by_role("slider")
    slider.wait_for()
    slider.evaluate(REDRAW)
    return Sample(tuple(slider.evaluate(REDRAW)))
