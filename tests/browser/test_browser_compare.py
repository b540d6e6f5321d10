"""The Compare page by mouse and keyboard: a digit is drawn, values are typed, a disagreement found, layers walked."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_helpers import find_box, resize, take_screenshot, wait_for_page, wait_for_width, wait_until_idle
from tests.browser.server import Server
from tests.helpers import wait_until

SEVEN_STROKE = ((0.3, 0.2), (0.7, 0.2), (0.45, 0.8))


@pytest.fixture
def comparison_url(populated_server: Server, saved: Callable[[str, str], dict]) -> Callable[..., str]:
    """A function that gives the address of a comparison of a demo's copies, with more in it."""

    def of(demo: str, *formats: str, **more: str) -> str:
        request = [f"artifact={saved(demo, key)['artifact']}" for key in formats]
        return f"{populated_server.url}/compare?" + "&".join(
            request + [f"{name}={value}" for name, value in more.items()]
        )

    return of


def draw_stroke(page: Page, points: tuple[tuple[float, float], ...]) -> None:
    """One stroke through points in shares of the canvas."""
    sheet = page.get_by_role("img", name="Draw a digit here")
    box = find_box(sheet)
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


@pytest.mark.parametrize(("width", "dark"), [pytest.param(1280, False, marks=pytest.mark.long), (390, True)])
def test_compare_page_drawn_digit_is_predicted_and_compared(
    comparison_url: Callable[..., str], new_page: Callable[..., Page], width: int, dark: bool
):
    page = new_page(width, dark)
    page.goto(comparison_url("digits-mlp", "keras", "saved_model", ask="drawn"))
    wait_for_page(page, "Compare")
    expect(page.get_by_text("Draw a digit, and each copy says what it sees.")).to_be_visible()
    draw_stroke(page, SEVEN_STROKE)
    expect(page.locator("[class*=st-key-says-]")).to_have_count(3)
    expect(page.get_by_text("same answer")).to_have_count(2)
    expect(page.locator("[class*=st-key-panel-bars] .point").first).to_be_visible()
    wait_for_width(page, width)
    take_screenshot(page, f"compare-draw-{width}-{'dark' if dark else 'light'}")
    page.get_by_role("button", name="Compare on this drawing").click()
    expect(page.get_by_text("Asked: One drawing")).to_be_visible()
    for key in ("Live model", "Keras file", "SavedModel"):
        expect(page.get_by_text(key).filter(visible=True).first).to_be_visible()
    expect(page.locator("[class*=st-key-verdict-]").filter(has_text="Bit-identical")).to_have_count(2)


def test_compare_page_typed_values_are_predicted_by_every_copy(
    comparison_url: Callable[..., str], new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(comparison_url("tips", "keras", ask="typed"))
    wait_for_page(page, "Compare")
    expect(page.locator("[class*=st-key-says-]")).to_have_count(2)
    expect(page.get_by_text("same answer")).to_have_count(1)
    before = page.locator("[class*=st-key-says-] h2").first.inner_text()
    page.get_by_role("slider").first.press("End")
    expect(page.locator("[class*=st-key-says-] h2").first).not_to_have_text(before)
    wait_until_idle(page)
    take_screenshot(page, "compare-type")


@pytest.mark.long
def test_compare_page_finds_disagreement_and_compares_all_copies_on_it(
    comparison_url: Callable[..., str], new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(comparison_url("digits-mlp", "keras_int4", "keras", view="Find+a+disagreement"))
    wait_for_page(page, "Compare")
    page.get_by_text("5 s", exact=True).click()
    wait_until_idle(page)
    page.get_by_role("button", name="Find a disagreement").click()
    again = page.get_by_role("button", name="Ask every copy about this")
    expect(again).to_be_visible()
    wait_until_idle(page)
    take_screenshot(page, "compare-disagreement")
    again.click()
    expect(page.get_by_text(re.compile("Where .* disagree")).filter(visible=True).first).to_be_visible()


def test_compare_page_shows_first_differing_layer(comparison_url: Callable[..., str], new_page: Callable[..., Page]):
    page = new_page()
    page.goto(comparison_url("digits-mlp", "keras_int4", view="Compare+layers"))
    wait_for_page(page, "Compare")
    page.get_by_role("button", name="Compare layers").click()
    expect(page.get_by_text("The first layer that differs is")).to_be_visible()
    wait_until_idle(page)
    take_screenshot(page, "compare-layers")


def test_compare_page_chips_wrap_and_chart_stands_above_fold(
    comparison_url: Callable[..., str], new_page: Callable[..., Page]
):
    page = new_page()
    page.goto(comparison_url("digits-mlp", "keras", "saved_model", "architecture"))
    wait_for_page(page, "Compare")
    expect(page.get_by_role("radio", name="Test examples")).to_be_checked()
    chart = page.locator("[class*=st-key-sizes]")
    expect(chart.get_by_text("Different answers")).to_be_visible()
    wait_until(lambda: (box := chart.bounding_box())["y"] + box["height"] < 600)
    resize(page, 390, dark=True)
    for name in ("Keras file (.keras)", "SavedModel", "Architecture only (JSON)"):
        chip = page.get_by_test_id("stMultiSelect").get_by_text(name, exact=True)
        wait_until(lambda chip=chip: chip.evaluate("chip => chip.scrollWidth <= chip.clientWidth"))
        wait_until(lambda chip=chip: 0 < (box := find_box(chip))["x"] < box["x"] + box["width"] < 390)
