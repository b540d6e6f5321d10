"""The drawing canvas and the swipe divider in a small app: mouse, finger, buttons, keys, what comes to Python."""

import math
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page_helpers import (
    VIEWPORTS,
    find_box,
    switch_page,
    take_screenshot,
    wait_for_page,
    wait_for_width,
    wait_until_idle,
)
from tests.browser.server import PROJECT, Server, serve
from tests.helpers import wait_until

SCRIPT = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
import streamlit as st
from ui.compare.canvas import draw_canvas, has_drawing_changed
from core.figures.images import row_image_url

def count(name):
    st.session_state[name] = st.session_state.get(name, 0) + 1
    return st.session_state[name]

@st.fragment
def pad():
    left, right = st.columns(2)
    with left:
        drawing = draw_canvas((8, 8), "pad")
    with right:
        st.text(f"Runs of the fragment: {{count('part')}}")
        drawn = count('drawn') if has_drawing_changed('pad') else st.session_state.get('drawn', 0)
        st.text(f"Runs by the canvas: {{drawn}}")
        if drawing is None:
            st.text("Nothing drawn")
        else:
            st.text(f"Strokes: {{len(drawing.strokes)}}")
            st.text(f"Ink: {{drawing.ink.mean():.3f}}")
            st.text(f"Points: {{sum(len(one) for one in drawing.strokes) // 2}}")
            st.image(row_image_url(drawing.pixels, (8, 8), 128), "What the models see", 128)

def paper():
    st.title("Canvas")
    st.text(f"Runs of the page: {{count('whole')}}")
    st.button("Run")
    if st.toggle("Move it down"):
        st.text("One line more")
    pad()

def swipe():
    import numpy as np
    from ui.compare.swipe import show_swipe
    st.title("Swipe")
    st.text(f"Runs of the page: {{count('swiped')}}")
    show_swipe(np.full(64, 0.5), np.full(64, 0.51), (8, 8), ("Live model", "LiteRT"), "swipe")

def away():
    st.title("Away")

others = [st.Page(away, title="Away"), st.Page(swipe, title="Swipe")]
st.navigation([st.Page(paper, title="Paper", default=True), *others]).run()
"""


@pytest.fixture(scope="module")
def canvas_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running app that holds a canvas."""
    folder = tmp_path_factory.mktemp("canvas")
    shutil.copytree(PROJECT / ".streamlit", folder / ".streamlit")
    (folder / "drawing.py").write_text(SCRIPT, encoding="utf-8")
    with serve(folder / "store", folder / "drawing.py", "/_stcore/health") as server:
        yield server


class CanvasPage(NamedTuple):
    """A page with the canvas on it, drawn on in shares of the sheet's side."""

    page: Page
    sheet: Locator

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.sheet.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def press(self, points: list[tuple[float, float]]) -> None:
        """Draw with the mouse, and leave the button down."""
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point))

    def draw(self, points: list[tuple[float, float]]) -> None:
        """Draw with the mouse, and wait until all of it has come to Python."""
        self.press(points)
        self.page.mouse.up()
        self.has_come()

    def has_come(self) -> None:
        """Wait until all that is drawn has come to Python: while one draws, it has some of a stroke already."""
        self.says(f"Points: {self.points()}")

    def points(self) -> int:
        """How many points the lines on the sheet go through."""
        return self.sheet.evaluate("svg => svg.innerHTML.match(/[MQL]/g).length")

    def says(self, words: str) -> None:
        expect(self.page.get_by_text(words, exact=True)).to_be_visible()

    def number(self, name: str) -> float:
        wait_until_idle(self.page)
        return float(self.page.get_by_text(f"{name}: ").inner_text().rpartition(" ")[2])

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def lines(self) -> Locator:
        return self.sheet.locator("path")


@pytest.fixture
def canvas(canvas_app: Server, new_page: Callable[..., Page]) -> CanvasPage:
    """A blank canvas."""
    return open_canvas(canvas_app, new_page())


def open_canvas(app: Server, page: Page) -> CanvasPage:
    page.goto(app.url)
    wait_for_page(page, "Canvas")
    item = CanvasPage(page, page.get_by_role("img", name="Draw a digit here"))
    item.says("Nothing drawn")
    return item


ZERO = [(0.5 + 0.2 * math.sin(turn / 5), 0.5 - 0.3 * math.cos(turn / 5)) for turn in range(32)]
HORIZONTAL_LINE = [(0.2, 0.5), (0.8, 0.5)]


def test_canvas_mouse_strokes_reach_python_and_rerun_only_fragment(canvas: CanvasPage):
    canvas.draw(HORIZONTAL_LINE)
    canvas.says("Strokes: 1")
    # A bar of 0.6 by 0.08 of the side, with round ends: 0.048 + π · 0.04².
    assert canvas.number("Ink") == pytest.approx(0.053, abs=0.002)
    canvas.says("Runs of the page: 1")
    assert canvas.number("Runs by the canvas") == canvas.number("Runs of the fragment") - 1
    canvas.draw([(0.5, 0.2), (0.5, 0.8)])
    canvas.says("Strokes: 2")
    expect(canvas.lines()).to_have_count(2)


def test_canvas_sends_during_stroke_without_queueing_reruns(canvas: CanvasPage):
    canvas.press(ZERO * 3)
    canvas.says("Strokes: 1")  # the button is still down
    canvas.page.mouse.up()
    canvas.says(f"Points: {canvas.points()}")
    runs = canvas.number("Runs of the fragment")
    canvas.page.mouse.click(*canvas.at(0.1, 0.1))  # a dot
    canvas.says("Strokes: 2")
    assert canvas.number("Runs of the fragment") <= runs + 2


def test_canvas_does_not_resend_stroke_on_mouse_up(canvas: CanvasPage):
    canvas.press(HORIZONTAL_LINE)
    canvas.says("Points: 2")
    runs = canvas.number("Runs of the fragment")
    canvas.page.mouse.up()
    canvas.page.mouse.click(*canvas.at(0.1, 0.1))  # a dot
    canvas.says("Strokes: 2")
    assert canvas.number("Runs of the fragment") == runs + 1


@pytest.mark.long
def test_canvas_sends_at_most_five_values_per_second(canvas: CanvasPage):
    sent = canvas.page.evaluate_handle("[]")
    canvas.page.evaluate(
        """sent => {
            const send = WebSocket.prototype.send
            WebSocket.prototype.send = function (data) { sent.push(performance.now()); send.call(this, data) }
        }""",
        sent,
    )
    canvas.press(ZERO * 4)
    canvas.page.mouse.up()
    canvas.says("Strokes: 1")
    times = sent.json_value()
    # A timer of 200 ms; the last one is the end of the stroke, which waits for nothing.
    gaps = [after - before for before, after in pairwise(times[:-1])]
    assert len(gaps) > 2
    assert min(gaps) > 150


def test_undo_and_clear_by_mouse_and_by_keyboard(canvas: CanvasPage):
    expect(canvas.button("Undo")).to_be_disabled()
    expect(canvas.button("Clear")).to_be_disabled()
    canvas.draw(HORIZONTAL_LINE)
    canvas.draw(ZERO)
    canvas.says("Strokes: 2")
    canvas.button("Undo").click()
    canvas.says("Strokes: 1")
    assert canvas.number("Ink") == pytest.approx(0.053, abs=0.002)
    canvas.button("Undo").focus()
    canvas.page.keyboard.press("Tab")
    canvas.page.keyboard.press("Enter")
    canvas.says("Nothing drawn")
    expect(canvas.lines()).to_have_count(0)
    expect(canvas.button("Clear")).to_be_focused()
    expect(canvas.button("Clear")).to_be_disabled()
    canvas.button("Undo").click()  # what was cleared comes back
    canvas.says("Strokes: 1")


def test_canvas_touch_draws_without_scrolling_and_ignores_second_finger(
    canvas_app: Server, new_page: Callable[..., Page]
):
    pad = open_canvas(canvas_app, new_page(390))
    touch = pad.page.context.new_cdp_session(pad.page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        where = [dict(zip("xy", pad.at(*point), strict=True), id=index) for index, point in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    fingers("touchStart", (0.5, 0.2))
    for step in range(1, 7):
        fingers("touchMove", (0.5, 0.2 + step / 10))
    fingers("touchStart", (0.5, 0.8), (0.1, 0.1))
    fingers("touchMove", (0.5, 0.8), (0.1, 0.3))
    fingers("touchEnd")
    pad.has_come()
    pad.says("Strokes: 1")
    assert pad.number("Ink") == pytest.approx(0.053, abs=0.002)
    assert pad.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    pad.page.context.close()  # with its touch screen


def test_canvas_clamps_strokes_to_edge_and_ignores_right_click(canvas: CanvasPage):
    canvas.sheet.click(button="right", position={"x": 20, "y": 20})
    canvas.draw([(0.5, 0.5), (1.5, 0.5)])
    canvas.says("Strokes: 1")
    # Half a sheet wide, its far end cut off: 0.5 · 0.08, and half of π · 0.04².
    assert canvas.number("Ink") == pytest.approx(0.0425, abs=0.002)


def test_canvas_drawing_survives_rerun_move_and_page_switch(canvas: CanvasPage):
    canvas.draw(ZERO)
    canvas.says("Strokes: 1")
    ink, drawn = canvas.number("Ink"), canvas.number("Runs by the canvas")
    canvas.button("Run").click()
    canvas.says("Runs of the page: 2")
    canvas.page.get_by_text("Move it down").click()
    canvas.says("Runs of the page: 3")
    expect(canvas.lines()).to_have_count(1)
    canvas.page.get_by_role("link", name="Away").click()
    wait_for_page(canvas.page, "Away")
    canvas.page.get_by_role("link", name="Paper").click()
    wait_for_page(canvas.page, "Canvas")
    canvas.says("Strokes: 1")
    expect(canvas.lines()).to_have_count(1)
    assert (canvas.number("Ink"), canvas.number("Runs by the canvas")) == (ink, drawn)
    canvas.button("Undo").click()
    canvas.says("Nothing drawn")


@pytest.mark.parametrize(("width", "dark"), VIEWPORTS)
def test_canvas_fits_width_in_light_and_dark_without_layout_shift(
    width: int, dark: bool, canvas_app: Server, new_page: Callable[..., Page]
):
    pad = open_canvas(canvas_app, new_page(width, dark))
    before = find_box(pad.sheet)
    take_screenshot(pad.page, f"canvas-blank-{width}-{'dark' if dark else 'light'}")
    pad.draw(ZERO)
    pad.says("Strokes: 1")
    assert pad.sheet.bounding_box() == before
    wait_for_width(pad.page, width)
    assert before["width"] == before["height"]
    paper, ink = pad.sheet.evaluate("svg => [getComputedStyle(svg).backgroundColor, getComputedStyle(svg).stroke]")
    assert (paper, ink) == (
        ("rgb(29, 27, 41)", "rgb(236, 234, 246)") if dark else ("rgb(245, 245, 250)", "rgb(22, 19, 31)")
    )
    take_screenshot(pad.page, f"canvas-{width}-{'dark' if dark else 'light'}")


def test_swipe_divider_moves_by_key_and_finger_and_amplifies_difference(
    canvas_app: Server, new_page: Callable[..., Page]
):
    page = new_page(390)
    page.goto(canvas_app.url)
    wait_for_page(page, "Canvas")
    switch_page(page, "swipe")
    wait_for_page(page, "Swipe")
    divider = page.get_by_role("slider", name="Divider between Live model and LiteRT")
    divider.focus()
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuetext", "100 % Live model")
    box = find_box(divider)
    divider.click(position={"x": 0.25 * box["width"], "y": 0.5 * box["height"]})
    share = float(divider.input_value())
    assert 20 <= share <= 30
    over = page.locator("canvas.over")
    assert over.evaluate("one => getComputedStyle(one).clipPath") == f"inset(0px 0px 0px {share:g}%)"
    wait_until(lambda: read_grey(over) == 125)  # ink of 0.51; then of 0.6 and 1
    for factor, grey in (("× 10", 102), ("× 1,000", 0)):
        page.get_by_role("radio", name=factor, exact=True).check()
        wait_until(lambda grey=grey: read_grey(over) == grey)
    assert read_grey(page.locator("canvas.under")) == 128
    expect(page.get_by_text("Runs of the page: 1", exact=True)).to_be_visible()
    take_screenshot(page, "swipe-390-light")


def read_grey(canvas: Locator) -> int:
    """The lightness of the first pixel, 0 to 255."""
    return canvas.evaluate("one => one.getContext('2d').getImageData(0, 0, 1, 1).data[0]")
