"""The painted graph in a browser: boxes have the colour of their difference, and both graphs move together."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.browser.page_helpers import (
    check_accessibility,
    check_fit,
    find_box,
    take_screenshot,
    wait_for_page,
    wait_until_idle,
)
from tests.browser.server import Server
from tests.helpers import wait_until

FORMATS = ("keras_int4", *(pytest.param(key, marks=pytest.mark.long) for key in ("onnx", "litert_int8", "openvino")))


@pytest.fixture
def open_painted_graph(
    populated_server: Server, saved: Callable[[str, str], dict], new_page: Callable[..., Page]
) -> Callable[[str], Page]:
    """A function that compares the layers of a copy of a demo with the live model's, and has them painted."""

    def show(format_key: str) -> Page:
        page = new_page()
        copy = saved("digits-mlp", format_key)["artifact"]
        page.goto(f"{populated_server.url}/compare?artifact={copy}&view=Layers")
        wait_for_page(page, "Compare")
        page.get_by_role("button", name="Compare layers").click()
        page.get_by_text("Painted graph").click()
        expect(page.get_by_text("boxes painted")).to_have_count(2)
        wait_until_idle(page)
        return page

    return show


def graph(page: Page, place: int) -> FrameLocator:
    """The left graph (0), or the right one (1)."""
    return page.frame_locator("iframe[src*='/graph/']").nth(place)


def boxes(page: Page, place: int) -> Locator:
    return graph(page, place).locator(".painted")


def header(page: Page, place: int) -> dict[str, float]:
    """Where the head of the first box of a graph stands on the page, and how large it is."""
    return boxes(page, place).first.locator(".node-item-type").first.bounding_box()


@pytest.mark.parametrize("format_key", FORMATS)
def test_painted_graph_boxes_have_the_colour_of_the_legend(open_painted_graph: Callable[[str], Page], format_key: str):
    page = open_painted_graph(format_key)
    legend = page.locator(".legend i").evaluate_all("all => all.map(item => getComputedStyle(item).backgroundColor)")
    for place in (0, 1):
        expect(boxes(page, place)).to_have_count(2)
        for box in boxes(page, place).all():
            colour = re.search(r"--paint: (rgb\([^)]*\))", box.get_attribute("style"))[1]
            assert colour in legend[:8]
            expect(box.locator(".node-item-type path").first).to_have_css("fill", colour)
    take_screenshot(page, f"painted-graph-{format_key}")


def stand_still(page: Page) -> bool:
    """Whether neither graph has moved within two frames."""
    before = header(page, 0), header(page, 1)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return before == (header(page, 0), header(page, 1))


@pytest.mark.long  # a drag that begins while both frames settle was seen to miss
def test_painted_graph_panning_and_zooming_one_moves_the_other(open_painted_graph: Callable[[str], Page]):
    page = open_painted_graph("keras_int4")
    frame = page.locator("iframe[src*='/graph/']").first
    small = header(page, 1)["height"]
    for _ in range(5):
        graph(page, 0).get_by_title("Zoom In").click()
    wait_until(lambda: header(page, 1)["height"] > 1.3 * small)
    wait_until(lambda: header(page, 1)["height"] == pytest.approx(header(page, 0)["height"], rel=0.02))
    frame.scroll_into_view_if_needed()
    wait_until(lambda: stand_still(page))
    before, box = header(page, 1)["y"], find_box(frame)
    x, y = box["x"] + 30, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 60, steps=4)
    page.mouse.up()
    wait_until(lambda: header(page, 1)["y"] < before - 20)


@pytest.mark.long
def test_painted_graph_box_shows_difference_and_chooses_layer(open_painted_graph: Callable[[str], Page]):
    page = open_painted_graph("keras_int4")
    boxes(page, 1).last.hover()
    expect(page.locator(".readout")).to_contain_text("dense_1 (Dense): up to")
    expect(graph(page, 0).locator(".pointed")).to_have_count(1)
    boxes(page, 0).first.focus()
    page.keyboard.press("ArrowDown")
    expect(boxes(page, 0).last).to_be_focused()
    page.keyboard.press("Enter")
    shown = page.get_by_text("Layer: ≠ dense_1", exact=True)
    expect(shown).to_be_visible()
    page.get_by_text("▶ Play").click()  # stops at the first that differs
    expect(shown).to_have_count(0)
    boxes(page, 0).last.focus()
    page.keyboard.press("Enter")  # chosen again
    expect(shown).to_be_visible()


@pytest.mark.long
def test_painted_graph_fits_width_in_light_and_dark(open_painted_graph: Callable[[str], Page]):
    page = open_painted_graph("keras_int4")
    check_fit(page, "compare-painted-graph", 1280, False, check_accessibility)
